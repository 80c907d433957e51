// One provider that all tenants call, with fewer connections than there are calls: whose call is next. What
// a tenant waits for is counted in calls of another one that reach the provider meanwhile.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLlm } from "../../../adapters/llm/llm.ts";
import type { WeightOf } from "../../../runtime/shared/tenant-weights.ts";

const asked: string[] = [];
const answer = {
  id: "c",
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1 },
};
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => {
    body += piece;
  });
  request.on("end", () => {
    asked.push(/tn_\w+/.exec(body)?.[0] ?? "");
    response.setHeader("content-type", "application/json");
    setImmediate(() => response.end(JSON.stringify(answer)));
  });
});
let baseUrl = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Calls for a tenant, whose name is what is asked. */
function callsOver(weightOf?: WeightOf): (tenant: string) => Promise<unknown> {
  const one = { name: "one", kind: "openai", baseUrl, apiKey: "k", connectionsMax: 4 } as const;
  const llm = createLlm({ providers: [one] }, { weightOf });
  return (tenant) =>
    llm.complete(
      {
        model: "one/m",
        messages: [{ role: "user", content: tenant }],
        maxTokens: 5,
        stream: false,
      },
      { caller: { tenant, key: "cv_1" }, signal: new AbortController().signal },
    );
}

test("two hundred calls that wait for a provider hold up another tenant's for a few of them", async () => {
  const call = callsOver();
  const flood = Array.from({ length: 200 }, () => call("tn_loud"));
  const waited: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    const before = asked.length;
    await call("tn_quiet");
    waited.push(asked.slice(before).filter((tenant) => tenant === "tn_loud").length);
  }
  await Promise.all(flood);

  // Its own turn comes with the first connection that is free; meanwhile the others go on.
  expect(Math.max(...waited)).toBeLessThanOrEqual(12);
});

test("where both wait, a tenant of weight 3 makes three calls to one of the other's", async () => {
  const call = callsOver((tenant) => (tenant === "tn_heavy" ? 3 : 1));
  asked.length = 0;

  const all = Array.from({ length: 80 }, () => [call("tn_light"), call("tn_heavy")]).flat();
  await Promise.all(all);
  const heavy = asked.slice(4, 84).filter((tenant) => tenant === "tn_heavy").length;

  expect(heavy).toBeGreaterThanOrEqual(58);
  expect(heavy).toBeLessThanOrEqual(62);
});
