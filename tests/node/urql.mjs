// urql with its defaults over the whole gateway: a query with variables, a partial answer, a mutation.
import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";

const [url, token, given] = process.argv.slice(2);
const { act, all, asks, some } = JSON.parse(given);
const client = new Client({
  exchanges: [cacheExchange, fetchExchange],
  fetchOptions: { headers: { authorization: `Bearer ${token}` } },
  url,
});

const query = gql(asks);
const whole = await client.query(query, all).toPromise();
const partial = await client.query(query, some).toPromise();
const acted = await client.mutation(gql(act.document), { input: act.input }).toPromise();

console.log(
  JSON.stringify({
    whole: { data: whole.data, error: whole.error?.message },
    partial: { data: partial.data, codes: partial.error?.graphQLErrors.map(({ extensions }) => extensions.code) },
    acted: { data: acted.data, error: acted.error?.message },
  }),
);
