// One event each over the whole gateway: graphql-ws, graphql-sse, Apollo Client over multipart, and urql over fetch.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { Client, fetchExchange } from "@urql/core";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const [url, token, given] = process.argv.slice(2);
const { listens, variables, act } = JSON.parse(given);
const headers = { authorization: `Bearer ${token}` };

const first = (client) =>
  new Promise((resolve, reject) => {
    const stop = client.subscribe(
      { query: listens, variables },
      { next: (result) => resolve({ result, stop }), error: reject, complete: () => reject(new Error("no event")) },
    );
  });

const ws = createWs({
  connectionParams: headers,
  retryAttempts: 0,
  url: url.replace("http:", "ws:"),
  webSocketImpl: WebSocket,
});
const sse = createSse({ headers, retryAttempts: 0, url });
const apollo = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: url, headers }) });
const urql = new Client({
  exchanges: [fetchExchange],
  fetchOptions: { headers },
  fetchSubscriptions: true,
  preferGetMethod: false,
  url,
});

const waiting = [
  first(ws),
  first(sse),
  new Promise((resolve, reject) => {
    const subscription = apollo.subscribe({ query: gql(listens), variables }).subscribe({
      next: (result) => resolve({ result, stop: () => subscription.unsubscribe() }),
      error: reject,
    });
  }),
  new Promise((resolve) => {
    const subscription = urql.subscription(gql(listens), variables).subscribe((result) =>
      resolve({ result: { data: result.data, errors: result.error }, stop: () => subscription.unsubscribe() }),
    );
  }),
];

// Nobody tells a client that it is listened to, so the change is repeated until everybody has heard of one.
let number = 0;
const repeating = setInterval(() => {
  number += 1;
  const input = { ...act.input, idempotencyKey: `${act.input.idempotencyKey}-${number}` };
  fetch(url, {
    body: JSON.stringify({ query: act.document, variables: { input } }),
    headers: { ...headers, "content-type": "application/json" },
    method: "POST",
  }).catch(() => {});
}, 300);
const heard = await Promise.all(waiting);
clearInterval(repeating);
const [byWs, bySse, byApollo, byUrql] = heard.map(({ result }) => ({ data: result.data, errors: result.errors }));
for (const { stop } of heard) stop();
await ws.dispose();
sse.dispose();
apollo.stop();
console.log(JSON.stringify({ ws: byWs, sse: bySse, apollo: byApollo, urql: byUrql }));
process.exit(0);
