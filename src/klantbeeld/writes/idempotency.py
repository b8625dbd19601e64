"""The idempotency key of a mutation: from its input or from the request's header, and the same where it is in both.

The header is that of draft-ietf-httpapi-idempotency-key-header, a string of structured fields (RFC 9651):
`Idempotency-Key: "8e03978e-40d5-43e8-bc93-6894a57f9324"`. A bare value is taken too, since many clients send one.
"""

import re

from klantbeeld.errors import KeyRefused

LONGEST_KEY = 255  # the draft names no bound; Stripe's is the same

PLAIN = re.compile(r"[\x21-\x7e]{1,255}")
QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
HEADER = "header Idempotency-Key"


def key_of(given: str | None, header: str | None) -> str | None:
    """Return the key of a mutation; None where it has none.

    Raises KeyRefused with IDEMPOTENCY_KEY_INVALID for a header that holds no key, and with IDEMPOTENCY_KEYS_DIFFER for
    one that holds another than the input.
    """
    if header is None:
        return given
    in_header = _read(header.strip())
    if given is not None and given != in_header:
        raise KeyRefused("two keys for one mutation", code="IDEMPOTENCY_KEYS_DIFFER", place=HEADER)
    return in_header


def _read(header: str) -> str:
    quoted = QUOTED.fullmatch(header)
    key = re.sub(r'\\(["\\])', r"\1", quoted[1]) if quoted else header
    if not PLAIN.fullmatch(key) or (quoted is None and header.startswith('"')):
        raise KeyRefused("the header holds no key", code="IDEMPOTENCY_KEY_INVALID", place=HEADER)
    return key
