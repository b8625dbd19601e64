// Apollo Client with its defaults over the whole gateway: a query with variables, a partial answer, a mutation.
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";

const [url, token, given] = process.argv.slice(2);
const { act, all, asks, some } = JSON.parse(given);
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: new HttpLink({ uri: url, headers: { authorization: `Bearer ${token}` } }),
});

const query = gql(asks);
const whole = await client.query({ query, variables: all });
const thrown = await client.query({ query, variables: some }).catch((error) => ({
  isGraphQL: CombinedGraphQLErrors.is(error),
  codes: error.errors?.map(({ extensions }) => extensions.code),
  data: error.data,
}));
const partial = await client.query({ query, variables: some, errorPolicy: "all" });
const acted = await client.mutate({ mutation: gql(act.document), variables: { input: act.input } });

console.log(
  JSON.stringify({
    whole: whole.data,
    thrown,
    partial: { data: partial.data, codes: partial.error?.errors.map(({ extensions }) => extensions.code) },
    acted: acted.data,
  }),
);
client.stop();
