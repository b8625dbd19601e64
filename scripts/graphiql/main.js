// GraphiQL with a field for the token above it. Nothing is kept in the browser: a query may name a customer.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import "graphiql/style.css";
import { setNonce } from "get-nonce";
import { createClient } from "graphql-ws";
import { createElement as h, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

import "./main.css";

const root = document.getElementById("graphiql");
const config = JSON.parse(root.dataset.config);
setNonce(root.dataset.nonce);

const kept = new Map();
const storage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
  clear: () => kept.clear(),
  get length() {
    return kept.size;
  },
};

const tabs = config.examples.map(({ title, query, variables, headers }) => ({
  query: `# ${title}\n${query}`,
  variables,
  headers,
}));

// A header that a tab sets itself wins: an example may be for another caller.
function fetcherFor(token) {
  const authorization = token ? { authorization: `Bearer ${token}` } : {};
  const address = new URL(config.endpoint, location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const plain = (headers) =>
    createGraphiQLFetcher({
      url: config.endpoint,
      headers: { ...authorization, ...headers },
      wsClient: createClient({
        url: address.href,
        connectionParams: { ...authorization, ...lowered(headers) },
      }),
    });
  return (params, options) => plain(lowered(options?.headers))(params, { ...options, headers: {} });
}

function lowered(headers) {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}

function App() {
  const [token, setToken] = useState(config.token);
  const fetcher = useMemo(() => fetcherFor(token.trim()), [token]);
  const field = h("input", {
    "aria-label": "Access token",
    autoComplete: "off",
    onChange: (event) => setToken(event.target.value),
    placeholder: "Access token",
    spellCheck: false,
    type: "password",
    value: token,
  });
  const page = h(GraphiQL, {
    defaultTabs: tabs.length ? tabs : undefined,
    fetcher,
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
    storage,
  });
  return h("div", { className: "klantbeeld" }, h("label", null, "Token", field), page);
}

createRoot(root).render(h(App));
