// The issuer of callers' tokens: its private keys and its clients stand in files, so that both can be changed.
import { readFileSync } from "node:fs";
import { makeProvider } from "./issuing.mjs";
import { options, serve } from "./serving.mjs";

const { clients, keys, port, resources } = options("clients", "keys", "port", "resources");
const read = (file) => JSON.parse(readFileSync(file, "utf8"));

await serve(
  (origin) =>
    makeProvider(origin, { clients: read(clients), resources: resources.split(" "), ...read(keys) }).callback(),
  port,
);
