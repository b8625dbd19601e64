// graphql-sse in its distinct connections mode: a query, a subscription, a refused document.
import { createClient } from "graphql-sse";

const [address, token] = process.argv.slice(2);
const client = createClient({
  headers: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
  url: `http://${address}/graphql`,
});

const all = (query) =>
  new Promise((resolve) => {
    const results = [];
    client.subscribe({ query }, {
      next: (result) => results.push(result),
      error: (error) => resolve({ results, status: error.response?.status }),
      complete: () => resolve({ results }),
    });
  });

const plain = await all("{ hello }");
const events = await all("subscription { ticks(count: 3) }");
const refused = await all("{ missing }");
client.dispose();
console.log(JSON.stringify({ plain, events, refused }));
