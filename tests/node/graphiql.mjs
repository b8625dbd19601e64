// GraphiQL in headless Chromium, as a newcomer meets it: its tabs, what each of their queries gives, and every request.
import { chromium } from "playwright-core";

const [url, browserPath] = process.argv.slice(2);
const QUERY = ".graphiql-query-editor .CodeMirror";
const RESULT = ".result-window .CodeMirror";

const browser = await chromium.launch({ executablePath: browserPath });
try {
  const page = await browser.newPage();
  const seen = { complaints: [], requests: [] };
  page.on("console", (message) => message.type() === "error" && seen.complaints.push(message.text()));
  page.on("pageerror", (error) => seen.complaints.push(String(error)));
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("websocket", (socket) => seen.requests.push(socket.url()));
  await page.goto(url);

  const tabs = page.getByRole("tab");
  await tabs.first().waitFor();
  const answers = [];
  for (const tab of await tabs.all()) {
    const title = (await tab.innerText()).trim();
    await tab.click();
    // The editor notes which operation it shows a moment after it is shown, and a tab is named for its operation.
    await page.waitForFunction(
      ([query, name]) => document.querySelector(query)?.CodeMirror.operationName === name,
      [QUERY, title],
    );
    await page.getByLabel("Execute query").click();
    const shown = await page.waitForFunction((result) => document.querySelector(result)?.CodeMirror.getValue(), RESULT);
    const answer = await shown.jsonValue();
    answers.push({ title, ...JSON.parse(answer) });
  }
  console.log(JSON.stringify({ ...seen, answers }));
} finally {
  await browser.close();
}
