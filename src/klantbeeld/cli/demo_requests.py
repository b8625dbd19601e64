"""The demo's requests: those of an agent, an app and a partner, to paste and in GraphiQL's tabs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.demo_tokens import token_for
from klantbeeld.cli.views import view
from klantbeeld.gateway.graphiql import Example
from klantbeeld.settings import Settings

# How long the printed tokens are good, in minutes.
MINUTES = 8 * 60

AGENTS_CUSTOMER = "fatima-el-amrani"
APPS_CUSTOMER = "mila-hendriks"
PARTNERS_CUSTOMER = "sanne-de-wit"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is printed and shown in a tab: whose, what for, and how."""

    who: str
    title: str
    query: str
    variables: Mapping[str, object]
    token: str
    purpose: str


def requests_of(settings: Settings, issuer: DemoIssuer, customers: Mapping[str, str]) -> list[Request]:
    """Return the requests of an agent, an app and a partner."""
    agent, app, partner = (
        token_for(who, issuer, settings, minutes=MINUTES) for who in ("agent", APPS_CUSTOMER, "partner")
    )
    return [
        Request("agent", "service call", view("service-call"), {"id": customers[AGENTS_CUSTOMER]}, agent, "service"),
        Request("app", "self service", view("self-service"), {}, app, "self-service"),
        Request("partner", "delivery", view("partner"), {"id": customers[PARTNERS_CUSTOMER]}, partner, "fulfilment"),
        Request(
            "agent",
            "the mail that should not go",
            view("marketing"),
            {"id": customers["sanne-de-wit"], "channel": "EMAIL"},
            agent,
            "marketing",
        ),
    ]


def curl(request: Request, url: str) -> str:
    """Return a request as a command to paste into a shell."""
    body = json.dumps({"query": " ".join(_without_comments(request.query)), "variables": request.variables})
    quoted = body.replace("'", "'\\''")
    return (
        f"curl -s {url} -H 'Content-Type: application/json' \\\n"
        f"  -H 'Klantbeeld-Purpose: {request.purpose}' -H 'Authorization: Bearer {request.token}' \\\n"
        f"  -d '{quoted}'"
    )


def _without_comments(document: str) -> list[str]:
    return [word for line in document.splitlines() if not line.startswith("#") for word in line.split()]


def tab_of(request: Request) -> Example:
    """Return a request as a tab of GraphiQL."""
    headers = {"Authorization": f"Bearer {request.token}", "Klantbeeld-Purpose": request.purpose}
    return Example(request.title, request.query, json.dumps(request.variables, indent=2), json.dumps(headers, indent=2))
