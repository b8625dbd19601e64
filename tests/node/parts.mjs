// Apollo Client (with the handler that its documentation names) and urql over the whole gateway: @defer and @stream.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { Client, fetchExchange } from "@urql/core";

const [url, token, given] = process.argv.slice(2);
const { asks, variables } = JSON.parse(given);
const headers = { authorization: `Bearer ${token}` };
const query = gql(asks);

const apollo = new ApolloClient({
  cache: new InMemoryCache(),
  incrementalHandler: new GraphQL17Alpha9Handler(),
  link: new HttpLink({ uri: url, headers }),
});
const byApollo = await new Promise((resolve, reject) => {
  const results = [];
  const subscription = apollo.watchQuery({ query, variables, errorPolicy: "all" }).subscribe({
    next: ({ data, dataState, error }) => {
      results.push({ data, state: dataState, codes: error?.errors?.map(({ extensions }) => extensions.code) });
      if (dataState === "complete") {
        setTimeout(() => subscription.unsubscribe(), 0);
        resolve(results);
      }
    },
    error: reject,
  });
});

const urql = new Client({ exchanges: [fetchExchange], fetchOptions: { headers }, preferGetMethod: false, url });
const byUrql = await new Promise((resolve) => {
  const results = [];
  const { unsubscribe } = urql.query(query, variables).subscribe(({ data, error, hasNext }) => {
    results.push({ data, hasNext, codes: error?.graphQLErrors.map(({ extensions }) => extensions.code) });
    if (!hasNext) {
      setTimeout(() => unsubscribe(), 0);
      resolve(results);
    }
  });
});

console.log(JSON.stringify({ apollo: byApollo, urql: byUrql }));
apollo.stop();
