"""The SAP Customer Data Cloud server: one path a method, parameters in a form, the outcome in the body of a 200."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.quota import Quota
from klantbeeld.sandbox.sap_customer_data_cloud import accounts
from klantbeeld.sandbox.sap_customer_data_cloud.errors import GigyaError
from klantbeeld.sandbox.sap_customer_data_cloud.search import Cursors, search
from klantbeeld.sandbox.sap_customer_data_cloud.shapes import stamp
from klantbeeld.sandbox.sap_customer_data_cloud.signature import Keys
from klantbeeld.sandbox.sap_customer_data_cloud.store import Store
from klantbeeld.sandbox.server import ServerSettings

SUCCESS = {"errorCode": 0, "apiVersion": 2, "statusCode": 200, "statusReason": "OK"}

Method = Callable[[Mapping[str, str]], dict[str, Any]]


def create_app(population: Population, settings: ServerSettings) -> Starlette:
    """Return the server with a fresh store. Credentials: ``api_key``, ``user_key``, ``secret`` (base64)."""
    store = Store(population, settings.clock)
    cursors, keys = Cursors(), Keys(settings.credentials, settings.clock)
    quota = Quota(settings.requests_per_minute, settings.clock)
    methods: dict[str, Method] = {
        "accounts.getAccountInfo": lambda parameters: accounts.get_account_info(store, parameters),
        "accounts.setAccountInfo": lambda parameters: accounts.set_account_info(store, parameters),
        "accounts.search": lambda parameters: search(store, cursors, parameters),
        "accounts.importFullAccount": lambda parameters: accounts.import_full_account(store, parameters),
        "accounts.deleteAccount": lambda parameters: accounts.delete_account(store, parameters),
    }

    def answer(request: Request, parameters: Mapping[str, str]) -> dict[str, Any]:
        if quota.take():
            raise GigyaError(403048)
        method = methods.get(request.path_params["method"])
        if method is None:
            raise GigyaError(404000)
        keys.check(request.method, str(request.url.replace(query="")), parameters)
        return method(parameters)

    async def call(request: Request) -> Response:
        """Check who calls, carry the method out, and say how it went."""
        parameters = await _parameters(request)
        try:
            body = answer(request, parameters) | SUCCESS
        except GigyaError as error:
            body = error.body()
        body |= {"callId": uuid.uuid4().hex, "time": stamp(settings.clock())}
        as_http = parameters.get("httpStatusCodes", "").lower() == "true"
        return JSONResponse(body, body["statusCode"] if as_http else 200)

    return Starlette(routes=[Route("/{method}", call, methods=["GET", "POST"])])


async def _parameters(request: Request) -> dict[str, str]:
    """Return the parameters of the address and of the form together."""
    body = (await request.body()).decode("utf-8", "replace")
    return {**request.query_params, **dict(parse_qsl(body, keep_blank_values=True))}
