"""GraphQL over HTTP: from bytes to one request, and from one answer to bytes.

`routes` hands the room's endpoints to `app.py`; `ports` says what the rooms below must bring.
"""

from klantbeeld.gateway.ports import Answer, Authenticator, Caller, Engine, GraphQLRequest, Parts, RequestContext
from klantbeeld.gateway.routes import GatewayParts, routes

__all__ = [
    "Answer",
    "Authenticator",
    "Caller",
    "Engine",
    "GatewayParts",
    "GraphQLRequest",
    "Parts",
    "RequestContext",
    "routes",
]
