// Prepaid balances: what an operator adds and takes, once for each key, and that no charge goes below nothing.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let admin: { readonly key: string };
const change = (how: string, body: object, key?: string) =>
  host.call("POST", `/admin/tenants/${host.tenant}/${how}`, body, {
    ...admin,
    ...(key !== undefined && { headers: { "Idempotency-Key": key } }),
  });
const balance = async (): Promise<number> =>
  (await host.call("GET", "/admin/balance")).body.balance;

beforeAll(async () => {
  host = await startHttpHost();
  admin = { key: host.adminKey };
});
afterAll(() => host.stop());

test("a change that is sent again under its key is made once, also when both come at the same time", async () => {
  await host.setBalance(10);

  const both = await Promise.all([1, 2, 3].map(() => change("credit", { amount: 5 }, "k-1")));
  const again = await change("credit", { amount: 5 }, "k-1");
  const other = await change("credit", { amount: 6 }, "k-1");

  expect(both.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(again.body).toMatchObject({ credited: 5, balance: 15 });
  expect(other.status).toBe(422);
  expect(await balance()).toBe(15);
});

test("without a key each change counts", async () => {
  await host.setBalance(10);
  await change("credit", { amount: 2.5 });
  await change("credit", { amount: 2.5 });

  expect(await balance()).toBe(15);
});

test("an amount is told as it was counted, in millionths, and less than one is refused", async () => {
  await host.setBalance(10);
  const parts = await change("credit", { amount: 0.1234567 });
  const less = await Promise.all(["credit", "debit"].map((how) => change(how, { amount: 4e-7 })));

  expect(parts.body).toMatchObject({ credited: 0.123457, balance: 10.123457 });
  expect(less.map(({ status }) => status)).toEqual([400, 400]);
  expect(less[0]?.body.pointer).toBe("/amount");
  expect(await balance()).toBe(10.123457);
});

test("what is taken is noted, and more than there is cannot be taken", async () => {
  await host.setBalance(10);

  const taken = await change("debit", { amount: 4, note: "correction" }, "k-2");
  const again = await change("debit", { amount: 4, note: "correction" }, "k-2");
  const tooMuch = await change("debit", { amount: 6.000001 });

  expect(taken.body).toEqual({ tenant: host.tenant, debited: 4, balance: 6 });
  expect(again.body.balance).toBe(6);
  expect(tooMuch.status).toBe(402);
  expect(await balance()).toBe(6);
  const { data } = (await host.call("GET", "/admin/ledger?service=debit")).body;
  expect(data).toMatchObject([{ charged: 4, note: "correction" }]);
  const audit = (await host.call("GET", "/admin/audit?action=credit.take")).body.data;
  expect(audit).toMatchObject([
    { subject: host.tenant, details: { amount: 4, note: "correction" } },
  ]);
});

test("only the operator of the server changes a balance, and charges never take it below nothing", async () => {
  const path = `/admin/tenants/${host.tenant}/credit`;
  const owner = await host.call("POST", path, { amount: 1 });
  const agent = (await host.call("POST", "/v2/agents", { name: "A" })).body.id;
  await host.setBalance(0.0035);

  const body = { agent_key: agent, message: "Hello" };
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => host.call("POST", "/v1/proxy/core-agent-chat", body)),
  );

  const paid = answers.filter(({ status }) => status === 200);
  expect(owner.status).toBe(403);
  expect(paid).toHaveLength(3);
  expect(answers.filter(({ status }) => status === 402)).toHaveLength(9);
  expect(Math.min(...paid.map((one: Json) => one.body.cost.balance))).toBeGreaterThanOrEqual(0);
  expect(await balance()).toBe(0.0005);
});
