// The audit of npm's graphql-http against the address in the first argument; prints each finding that is not ok.
import { serverAudits } from "graphql-http";

const [address, token] = process.argv.slice(2);
const fetchFn = (url, init = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });

const counts = { ok: 0, warn: 0, error: 0, notice: 0 };
const findings = [];
for (const audit of serverAudits({ url: `http://${address}/graphql`, fetchFn })) {
  const result = await audit.fn();
  counts[result.status] += 1;
  if (result.status !== "ok") findings.push(`${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(JSON.stringify({ counts, findings }));
