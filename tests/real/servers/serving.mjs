// What the servers of this folder share: a free port of 127.0.0.1, said on standard output, until standard input closes.
import { createServer } from "node:http";
import { parseArgs } from "node:util";

/** The options of the command line that these names have, all of them text. */
export const options = (...names) =>
  parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) }).values;

/** Listens, has `handle(origin)` give the request handler for the address that it got, and says the port. */
export async function serve(handle, port = 0) {
  const server = createServer();
  await new Promise((resolve, reject) => server.once("error", reject).listen(Number(port), "127.0.0.1", resolve));
  server.on("request", await handle(`http://127.0.0.1:${server.address().port}`));
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
  process.stdin.on("end", () => process.exit(0)).resume();
}
