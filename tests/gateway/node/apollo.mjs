// Apollo Client with its defaults: a query, @defer (with the handler that its documentation names), a subscription.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQL17Alpha9Handler } from "@apollo/client/incremental";

const [address, token] = process.argv.slice(2);
const client = new ApolloClient({
  cache: new InMemoryCache(),
  incrementalHandler: new GraphQL17Alpha9Handler(),
  link: new HttpLink({ uri: `http://${address}/graphql`, headers: { authorization: `Bearer ${token}` } }),
});

const plain = await client.query({ query: gql`{ hello }` });

const DEFER = gql`query { customer(id: "1") { id name ... @defer { complaints { subject } broken } } }`;
const deferred = [];
await new Promise((resolve, reject) => {
  const subscription = client.watchQuery({ query: DEFER, errorPolicy: "all" }).subscribe({
    next: (result) => {
      deferred.push({ data: result.data, state: result.dataState, error: result.error?.message });
      if (result.dataState === "complete") {
        setTimeout(() => subscription.unsubscribe(), 0);
        resolve();
      }
    },
    error: reject,
  });
});

const events = [];
await new Promise((resolve, reject) => {
  client.subscribe({ query: gql`subscription { ticks(count: 3) }` }).subscribe({
    next: (result) => events.push(result.data),
    error: reject,
    complete: resolve,
  });
});

const refused = await client.query({ query: gql`{ missing }`, errorPolicy: "all", fetchPolicy: "network-only" });
console.log(JSON.stringify({ plain: plain.data, deferred, events, refused: refused.error?.message }));
client.stop();
