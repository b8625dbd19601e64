"""The classes and purposes that the demo runs with, and that a new configuration may begin from."""

from klantbeeld.settings import AccessSettings, Bilingual, ClientClass, IssuerSettings, PurposeSettings

SCOPES = (
    "customer:read",
    "crm:read",
    "billing:read",
    "complaints:read",
    "marketing:read",
    "eligibility:read",
    "sources:read",
    "identity:read",
    "identity:search",
    "explain:read",
    "introspect",
    "crm:write",
    "billing:write",
    "billing:credit",
    "complaints:write",
    "marketing:write",
    "customer:register",
    "sagas:run",
    "tasks:read",
    "tasks:decide",
    "tasks:work",
    "tasks:escalated",
    "operations:read",
    "operations:write",
)
"""Every scope that a field's Data directive or an operation asks for, in the order of the documentation."""

_READS = ("customer:read", "crm:read", "billing:read", "complaints:read", "marketing:read", "eligibility:read")
_WRITES = ("crm:write", "billing:write", "complaints:write", "marketing:write")
_TASKS = ("sagas:run", "tasks:read", "tasks:decide", "tasks:work", "tasks:escalated")
_TOOLS = ("sources:read", "explain:read", "introspect")


def default_access(*issuers: IssuerSettings) -> AccessSettings:
    """Give access settings with the default classes and purposes."""
    return AccessSettings(issuers=issuers, classes=default_classes(), purposes=default_purposes())


def default_classes() -> dict[str, ClientClass]:
    """Give an agent's desktop, the customer's own app, and a partner."""
    return {
        "agent": ClientClass(
            scopes=SCOPES,
            rows="all",
            purposes=("service", "advice", "collections", "marketing"),
            idempotency_key="offered",
            deadline=5.0,
        ),
        "app": ClientClass(
            scopes=(*_READS, *_WRITES, "sources:read", "introspect"),
            rows="self",
            purposes=("self-service",),
            deadline=2.0,
        ),
        "partner": ClientClass(
            scopes=("customer:read", "crm:read", "billing:read", "eligibility:read", "introspect"),
            rows="granted",
            purposes=("offers", "fulfilment"),
            deadline=5.0,
        ),
    }


def default_purposes() -> dict[str, PurposeSettings]:
    """Give the purposes of the named operations in `docs/views`, and those of partners."""
    identifying = ("identity:read", "identity:search")
    operating = ("operations:read", "operations:write")
    return {
        "service": _purpose(
            "Klantenservice",
            "Customer service",
            *_READS,
            *_WRITES,
            *("billing:credit", "customer:register"),
            *_TASKS,
            *identifying,
            *_TOOLS,
            *operating,
        ),
        "advice": _purpose("Advies", "Advice", *_READS, "crm:write", "complaints:write", *identifying, *_TOOLS),
        "collections": _purpose(
            "Incasso", "Debt collection", "customer:read", "crm:read", "billing:read", "billing:write", *_TOOLS
        ),
        "marketing": _purpose(
            "Marketing", "Marketing", "customer:read", "crm:read", "marketing:read", "eligibility:read", *_TOOLS
        ),
        "self-service": _purpose("Eigen gegevens", "Self service", *_READS, *_WRITES, *_TOOLS),
        "offers": _purpose(
            "Aanbiedingen van partners",
            "Offers by partners",
            *("customer:read", "crm:read", "billing:read", "eligibility:read", "introspect"),
        ),
        "fulfilment": _purpose(
            "Levering door partners", "Fulfilment by partners", "customer:read", "crm:read", "introspect"
        ),
    }


def _purpose(dutch: str, english: str, *scopes: str) -> PurposeSettings:
    return PurposeSettings(title=Bilingual(nl=dutch, en=english), scopes=scopes)
