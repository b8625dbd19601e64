// urql with its defaults: a query, @defer, a subscription over fetch.
import { Client, fetchExchange, gql } from "@urql/core";

const [address, token] = process.argv.slice(2);
const client = new Client({
  exchanges: [fetchExchange],
  fetchOptions: { headers: { authorization: `Bearer ${token}` } },
  fetchSubscriptions: true,
  preferGetMethod: false,
  url: `http://${address}/graphql`,
});

const all = (source) =>
  new Promise((resolve) => {
    const results = [];
    const { unsubscribe } = source.subscribe((result) => {
      results.push({ data: result.data, error: result.error?.message, hasNext: result.hasNext });
      if (!result.hasNext) {
        setTimeout(() => unsubscribe(), 0);
        resolve(results);
      }
    });
  });

const plain = await client.query(gql`{ hello }`, {}).toPromise();
const deferred = await all(
  client.query(gql`query { customer(id: "1") { id name ... @defer { complaints { subject } broken } } }`, {}),
);
const events = await all(client.subscription(gql`subscription { ticks(count: 3) }`, {}));
console.log(JSON.stringify({ plain: plain.data, deferred, events }));
