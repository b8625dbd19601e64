"""What is asked of a token endpoint, as a pure function of who asks and when."""

from collections.abc import Mapping

from klantbeeld.sdk.auth import ClientCredentials, TokenReply
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.signing import ClientAssertion, Moment, TokenExchange, assertion

BY_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, section 2.2
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # RFC 8693, section 2.1
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, RFC 8693, section 3

Fetched = ClientCredentials | ClientAssertion | TokenExchange


def token_call(
    auth: Fetched, secrets: Mapping[str, str], known: Mapping[str, str], moment: Moment, callers_token: str
) -> Call[TokenReply]:
    """Make the call to the token endpoint; `known` fills templates. Raises ValueError for a key that is none."""
    if isinstance(auth, TokenExchange):
        form = [("grant_type", EXCHANGE), ("subject_token", callers_token), ("subject_token_type", ACCESS_TOKEN)]
        if auth.audience:
            form.append(("audience", auth.audience.format(**known)))
    else:
        form = [("grant_type", "client_credentials")]
    form.append(("client_id", secrets["client_id"]))
    if isinstance(auth, ClientAssertion):
        audience = auth.token_url.format(**known)
        form.append(("client_assertion_type", BY_JWT))
        form.append(("client_assertion", assertion(auth, secrets, moment, audience=audience)))
    else:
        form.append(("client_secret", secrets["client_secret"]))
    if auth.scope:
        form.append(("scope", auth.scope.format(**known)))
    return Call(method="POST", path="", form=form, record=TokenReply)
