// Alerts through the front door: told once to a real receiver, signed; whatever dies, decided once.

import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createPrices, operationPricesMicros } from "../../../actors/money/catalogue.ts";
import { alertTables } from "../../../actors/records/alert.ts";
import { freshLedgerTable } from "../../../actors/records/conversation.ts";
import { alertWrites } from "../../../adapters/http/services/alerts.ts";
import { createUsageBooks } from "../../../adapters/http/services/usage-books.ts";
import type { Tables } from "../../../runtime/system.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const WITHIN = { timeout: 20_000 };

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let host: HttpHost;
let receiver: Server;
let url = "";
let agent = "";
let deliveries: Delivery[] = [];
let statuses: number[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      deliveries.push({ headers: request.headers, body });
      response.writeHead(statuses.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/money`;
  const prices = createPrices({
    ...{ unit: "USD", operations: operationPricesMicros, hasProviders: true },
    models: { "m-1": { inputMicros: 1_000_000, outputMicros: 1_000_000 } },
    defaultModel: null,
  });
  host = await startHttpHost({ prices });
  agent = (await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" })).body.id;
});
afterAll(async () => {
  await host.stop();
  await new Promise((resolve) => receiver.close(resolve));
});
beforeEach(() => {
  deliveries = [];
  statuses = [];
});

const alert = async (rule: object): Promise<string> => {
  const made = await host.call("POST", "/admin/alerts", { url, ...rule });
  expect(made.status).toBe(201);
  return made.body.id;
};
/** A message, and what it brings about, as the sweep does it. */
const chat = async (): Promise<void> => {
  await host.call("POST", "/v1/proxy/core-agent-chat", { agent_key: agent, message: "hi" });
  await host.call("GET", "/admin/usage");
};
const delivered = (count: number) => expect.poll(() => deliveries.length, WITHIN).toBe(count);
const told = async (at: number): Promise<Json> => {
  const { secret } = (await host.call("GET", "/v2/webhooks/secret")).body;
  const { body, headers } = deliveries[at] as Delivery;
  return new Webhook(secret).verify(body, headers as Record<string, string>) as Json;
};

test("a low balance is told once, signed, and again after it was filled up", async () => {
  const id = await alert({ type: "balance", below: 50, name: "low" });
  await host.setBalance(50.0005);

  await chat();
  await delivered(1);
  await chat();
  await chat();
  await host.setBalance(60);
  await chat();
  await host.setBalance(40);
  await chat();
  await delivered(2);

  expect(await told(0)).toMatchObject({
    type: "alert.balance",
    data: { alert: id, tenant: host.tenant, balance: 49.9995, below: 50, name: "low" },
  });
  expect((await told(1)).data.balance).toBe(39.999);
  const ids = deliveries.map(({ headers }) => headers["webhook-id"]);
  expect(new Set(ids).size).toBe(2);
  const audit = await host.call("GET", `/admin/audit?subject=${id}`);
  expect(audit.body.data.map(({ action }: Json) => action)).toEqual([
    ...["alert.fired", "alert.fired", "alert.create"],
  ]);
  await host.call("DELETE", `/admin/alerts/${id}`);
});

test("the day's spend of an agent is told once, and to a receiver that refuses it once more", async () => {
  const { data } = (await host.call("GET", "/admin/usage?group_by=agent&granularity=day")).body;
  const { spend } = data.find((one: Json) => one.agent === agent);
  // Each message costs 15 tokens, a millionth each.
  const above = Math.round((spend + 0.00003) * 1e6) / 1e6;
  const id = await alert({
    ...{ type: "usage", measure: "spend", above },
    ...{ scope: "agent", subject: agent },
  });
  await alert({ type: "usage", measure: "calls", above: 1, scope: "agent", subject: "ag_other" });
  statuses = [500];

  await chat();
  expect(deliveries).toEqual([]);
  await chat();
  await chat();
  await delivered(2);

  const [first, second] = [await told(0), await told(1)];
  expect(first).toEqual(second);
  expect(first).toMatchObject({
    type: "alert.usage",
    data: { alert: id, measure: "spend", scope: "agent", subject: agent, above },
  });
  expect(deliveries[0]?.headers["webhook-id"]).toBe(deliveries[1]?.headers["webhook-id"]);
  await host.call("DELETE", `/admin/alerts/${id}`);
});

test("a budget is told at its percentages", async () => {
  const made = await host.call("POST", "/admin/budgets", { scope: "tenant", limit: 0.1 });
  const id = await alert({ type: "budget", budget: made.body.id, percentages: [1, 100] });
  // 15 millionths each: one percent is reached by the 67th, so the limit is lowered to what was spent.
  await chat();
  await host.call("PATCH", `/admin/budgets/${made.body.id}`, { limit: 0.0005 });
  await host.call("PATCH", `/admin/budgets/${made.body.id}`, { limit: 0.1 });
  expect(deliveries).toEqual([]);
  await host.call("PATCH", `/admin/budgets/${made.body.id}`, { limit: 0.0015 });
  await chat();
  await chat();
  await delivered(1);

  expect(await told(0)).toMatchObject({
    type: "alert.budget",
    data: { alert: id, budget: made.body.id, percentage: 1, limit: 0.0015 },
  });
  await host.call("DELETE", `/admin/budgets/${made.body.id}`);
  await host.call("DELETE", `/admin/alerts/${id}`);
});

test("an alert that is changed begins anew with its amount, and tells where it says then", async () => {
  const id = await alert({ type: "balance", below: 50, name: "low" });
  await host.setBalance(40);
  await chat();
  await delivered(1);
  const change = async (patch: object) => host.call("PATCH", `/admin/alerts/${id}`, patch);

  expect((await change({ name: null, url: `${url}/other` })).body).toMatchObject({
    ...{ id, name: null, url: `${url}/other`, below: 50 },
  });
  await chat();
  expect(deliveries).toHaveLength(1);
  expect((await change({ below: 45 })).body).toMatchObject({ below: 45, url: `${url}/other` });
  await chat();
  await delivered(2);
  expect((await told(1)).data).toMatchObject({ alert: id, balance: 39.997, below: 45, name: null });

  const wrong = await change({ above: 3 });
  expect([wrong.status, wrong.body.pointer]).toEqual([400, "/above"]);
  expect((await change({ url: "ftp://example.com" })).body.pointer).toBe("/url");
  const audit = await host.call("GET", "/admin/audit?action=alert.update");
  expect(audit.body.data[0]).toMatchObject({
    ...{ subject: id, before: { belowMicros: 50_000_000 }, after: { belowMicros: 45_000_000 } },
  });
  await host.call("DELETE", `/admin/alerts/${id}`);
});

test("whatever dies around a batch, an alert is decided once", async () => {
  const tenant = host.otherTenant;
  const { tables } = host.system;
  const rule = { id: "al_x", type: "usage", measure: "calls", period: "day", above: 3 } as const;
  const value = { ...rule, scope: "tenant", subject: null, url, name: null, created_at: "" };
  for (let round = 0; round < 12; round += 1) {
    const day = `2026-03-${String(round + 1).padStart(2, "0")}`;
    await tables.write(tenant, [
      { type: "put", table: alertTables.alerts, id: "al_x", value },
      ...[1, 2, 3, 4, 5].map((n) => ({
        ...({ type: "put", table: freshLedgerTable, id: `le_${round}_${n}` } as const),
        value: {
          ...{
            id: `le_${round}_${n}`,
            at: `${day}T00:00:0${n}.000Z`,
            service: "chat",
            spend: null,
          },
          ...{ run_id: null, key_id: null, outcome: "completed" },
          charge: { units: 1, unitPriceMicros: 0, micros: 0 },
        },
      })),
    ]);
    let writes = 0;
    const dying: Tables = {
      ...{ get: (...of) => tables.get(...of), list: (...of) => tables.list(...of) },
      counter: (...of) => tables.counter(...of),
      write: async (...of) => {
        writes += 1;
        if (writes <= round % 4) throw new Error("dead before");
        const done = await tables.write(...of);
        if (round % 2 === 1) throw new Error("dead after");
        return done;
      },
    };
    for (let life = 0; life < 8; life += 1) {
      const beside = (batch: Parameters<typeof alertWrites>[1]) => alertWrites(dying, batch, 1);
      await createUsageBooks({ tables: dying, beside })
        .takeIn(tenant, 3)
        .catch(() => undefined);
    }
  }

  const notices = await tables.list(tenant, alertTables.notices, { limit: 200 });
  const periods = notices.map(({ value: row }) => (row as Json).notice.data.period);
  expect(periods.sort()).toEqual(
    Array.from({ length: 12 }, (_, n) => `2026-03-${String(n + 1).padStart(2, "0")}`),
  );
});

test("what an alert lacks, or has too much, is refused with its place", async () => {
  const refused = async (rule: object): Promise<unknown> =>
    (await host.call("POST", "/admin/alerts", { url, ...rule })).body.pointer;

  expect(await refused({ type: "balance" })).toBe("/below");
  expect(await refused({ type: "balance", below: 1, budget: "bd_1" })).toBe("/budget");
  expect(await refused({ type: "budget", budget: "bd_none" })).toBe("/budget");
  expect(await refused({ type: "usage", measure: "spend", above: 1, scope: "agent" })).toBe(
    "/subject",
  );
  expect(await refused({ type: "balance", below: 1, url: "ftp://example.com" })).toBe("/url");
});
