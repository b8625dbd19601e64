// graphql-ws over graphql-transport-ws: a query, a subscription, a refused document, a bad token.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [address, token] = process.argv.slice(2);
const connect = (authorization, onClosed) =>
  createClient({
    connectionParams: { authorization },
    on: { closed: onClosed },
    retryAttempts: 0,
    url: `ws://${address}/graphql`,
    webSocketImpl: WebSocket,
  });

const client = connect(`Bearer ${token}`);
const all = (query, from = client) =>
  new Promise((resolve) => {
    const results = [];
    from.subscribe({ query }, {
      next: (result) => results.push(result),
      error: (error) => resolve({ results, error: Array.isArray(error) ? error[0].extensions.code : error.code }),
      complete: () => resolve({ results }),
    });
  });

const [plain, events, refused, failed] = await Promise.all(
  ["{ hello }", "subscription { ticks(count: 3) }", "{ missing }", "subscription { fails }"].map((one) => all(one)),
);
const unknown = await all("{ hello }", connect("Bearer forged"));
await client.dispose();
console.log(JSON.stringify({ plain, events, refused, failed, unknown }));
