// The audit of npm's graphql-http against the whole gateway; prints each finding that is not ok.
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
const fetchFn = (to, init = {}) => fetch(to, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });

const counts = { ok: 0, warn: 0, error: 0, notice: 0 };
const findings = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  counts[result.status] += 1;
  if (result.status !== "ok") findings.push(`${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(JSON.stringify({ counts, findings }));
