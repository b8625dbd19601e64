"""How long an answer may be kept by its receiver: `Cache-Control` and `Age` (RFC 9111), the strictest of its parts.

Only the caller's own cache may keep an answer, since it is personal: `private`. What is partial, or holds anything that
may not be kept, is `no-store`, which every answer is that says nothing else.
"""

import math

from klantbeeld.sources.context import Ageing

Headers = tuple[tuple[bytes, bytes], ...]


def headers_of(ageing: Ageing | None, *, is_whole: bool) -> Headers:
    """Return the header lines of an answer, rounded so that nobody keeps it for longer than its parts; () for none."""
    if ageing is None:
        return ()
    age = math.ceil(ageing.age)
    headers: Headers = ((b"age", str(age).encode()),) if age else ()
    lifetime = math.floor(ageing.age + ageing.left) if ageing.left is not None else 0
    if not is_whole or lifetime <= age:
        return headers
    return ((b"cache-control", f"private, max-age={lifetime}".encode()), *headers)
