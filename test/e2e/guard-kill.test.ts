// Guardrails of the real process over kill -9: what waits for a person waits on and is decided once, and of a
// stream that was cut while its end was held back nobody ever sees what was to be redacted.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";

const ENDED_MS = 20_000;
let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
});
afterAll(() => product.end());

async function agentWith(guardrails: readonly object[]): Promise<string> {
  const fields = { name: "Guarded", model_name: "gpt-4o-mini", guardrails };
  const made = await product.call("POST", "/v2/agents", fields);
  expect([made.body.detail, made.status]).toEqual([undefined, 201]);
  return String(made.body.id);
}
async function begin(agent: string, input: string): Promise<string> {
  const body = { input, mode: "background" };
  const started = await product.call("POST", `/v2/agents/${agent}/runs`, body);
  expect(started.status).toBe(202);
  return String(started.body.run_id);
}
const restart = async (): Promise<void> => {
  await product.kill();
  await product.start();
};
const runOf = async (run: string) => (await product.call("GET", `/v2/runs/${run}`)).body;
const pending = async () => (await product.call("GET", "/v2/approvals?status=pending")).body.data;

test("what a person is asked about waits over kill -9, judged once, and is decided as it stood", {
  timeout: 180_000,
}, async () => {
  const judge = { type: "judge", model: "gpt-4o", policy: "No refunds." };
  const on = ["output"];
  const agent = await agentWith([
    { on, check: judge, action: "ask", message: "Withheld.", approvals: { required: 2 } },
  ]);
  product.provider.when((call) => call.prompt.includes("You judge a text"), { json: { score: 1 } });
  product.provider.otherwise({ text: (call) => `A refund for ${call.lastUser}.` });
  const runs = [await begin(agent, "apples"), await begin(agent, "books")];
  await expect.poll(async () => (await pending()).length, { timeout: ENDED_MS }).toBe(2);
  const [before, calls] = [await pending(), product.provider.count()];
  expect(calls).toBe(4);

  await restart();

  expect([await pending(), product.provider.count()]).toEqual([before, calls]);
  const other = await product.call("POST", "/admin/keys", {
    ...{ name: "second", allowed_services: ["*"], role: "admin" },
  });
  const decide = async (run: string | undefined, decision: string, more: object = {}) => {
    const { id } = before.find((one: { run_id: string }) => one.run_id === run);
    const decided = await product.call(
      ...(["POST", `/v2/approvals/${id}/decide`, { decision }, more] as const),
    );
    expect(decided.status, JSON.stringify(decided.body)).toBe(200);
    return decided.body.status;
  };
  expect(await decide(runs[0], "approve")).toBe("pending");
  await restart();
  expect(await decide(runs[0], "approve", { key: other.body.key })).toBe("approved");
  expect(await decide(runs[1], "reject")).toBe("rejected");
  await restart();

  const ends = async () => Promise.all(runs.map(async (run) => (await runOf(run)).status));
  await expect.poll(ends, { timeout: ENDED_MS }).toEqual(["completed", "completed"]);
  const results = await Promise.all(runs.map(async (run) => (await runOf(run)).result));
  expect(results.map(({ response }) => response)).toEqual(["A refund for apples.", "Withheld."]);
  expect(product.provider.count()).toBe(calls);
});

test("a stream that is killed while its end is held back shows and keeps nothing of what is redacted", {
  timeout: 180_000,
}, async () => {
  const agent = await agentWith([{ on: ["output"], check: { type: "pii" }, action: "redact" }]);
  const planted = "zaphod.beeblebrox@heartofgold.example";
  const pieces = ["One ", "two ", "three. ", "Write ", "to ", "zaphod.beeble", "brox@heartof"];
  const rest = ["gold.example ", "now, ", "please."];
  product.provider.when((call) => call.lastUser === "Whom?", {
    ...{ pieces: [...pieces, ...rest], hang: pieces.length, times: 1 },
  });
  product.provider.when((call) => call.lastUser === "Whom?", { pieces: [...pieces, ...rest] });
  const events = await product.events("POST", `/v2/agents/${agent}/runs`, {
    ...{ input: "Whom?", mode: "stream" },
  });
  let seen = "";
  let run = "";
  while (!seen.includes("three.")) {
    const event = await events.next();
    const told = JSON.parse(event?.data ?? "null");
    if (told?.type === "text") seen += told.text;
    run ||= told?.run ?? told?.run_id ?? "";
  }
  await product.kill();
  expect(seen).not.toContain("zaphod");
  await product.start();

  await expect.poll(async () => (await runOf(run)).status, { timeout: ENDED_MS }).toBe("completed");
  const ended = await runOf(run);
  const again = await (await product.events("GET", `/v2/runs/${run}/events`)).rest();
  const record = await product.call("GET", `/v2/runs/${run}/record`);

  expect(ended.result.response).toBe("One two three. Write to [EMAIL_1] now, please.");
  for (const shown of [ended, again, record.body]) {
    expect(JSON.stringify(shown)).not.toMatch(/zaphod|heartofgold/);
  }
  const metrics = await (await fetch(`${product.url}/metrics`)).text();
  expect(metrics).toMatch(/troupe_guard_findings_total\{check="pii",action="redact"\} [1-9]/);
  await product.stop();
  const files = readdirSync(product.folder, { recursive: true, withFileTypes: true });
  const holding = files.filter(
    (file) => file.isFile() && readFileSync(join(file.parentPath, file.name)).includes(planted),
  );
  expect(holding.map(({ name }) => name)).toEqual([]);
});
