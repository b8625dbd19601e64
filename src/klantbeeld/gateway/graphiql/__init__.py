"""GraphiQL, bundled: a page for trying queries in a browser, with nothing from other servers."""

from klantbeeld.gateway.graphiql.page import Example, GraphiQL

__all__ = ["Example", "GraphiQL"]
