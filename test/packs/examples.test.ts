// The packs that ship as examples, applied through the real door and used: a chat, a run of a team, a run
// of a workflow that waits for a person.

import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import type { Json } from "../support/wire-client.ts";

let host: HttpHost;

beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const folder = new URL("../../../adapters/packs/examples/", import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, folder), "utf8");

/** A pack with the files that lie beside it. */
function request(name: string, more: object = {}): object {
  const source = text(`${name}/pack.yaml`);
  const beside = readdirSync(new URL(name, folder), { recursive: true, withFileTypes: true });
  const below = new URL(`${name}/`, folder).pathname;
  const paths = beside
    .filter((entry) => entry.isFile() && entry.name !== "pack.yaml")
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(below.length));
  const files = Object.fromEntries(paths.map((path) => [path, text(`${name}/${path}`)]));
  return { source, files, ...more };
}

const objectsOf = ({ body }: { readonly body: Json }): Readonly<Record<string, string>> =>
  Object.fromEntries(body.pack.objects.map((one: Json) => [one.name, one.id]));

test("the support desk is applied and answers a customer from its pages", async () => {
  const applied = await host.call("POST", "/v2/packs", request("customer-support"));
  expect(applied.body).toMatchObject({ pack: { version: 1 } });
  expect(applied.status).toBe(201);
  const { desk } = objectsOf(applied);

  const body = { agent_key: desk, message: "How long does delivery of my order take?" };
  const chat = await host.call("POST", "/v1/proxy/core-agent-chat", body);

  expect(chat.body.data).toMatchObject({
    routing_info: { action_name: "Orders" },
    sources: [{ title: "Orders and delivery" }],
  });
});

test("its sub-agent for refunds reads the skill that came with the pack, and the cases it names", async () => {
  const { body } = await host.call("GET", "/v2/agents?name=Acme%20support");
  const before = host.llm.requests.length;
  const { script } = host.llm;
  host.llm.script = ({ request }) => {
    const isOffered = (request.tools ?? []).some(({ name }) => name === "read_skill");
    const text = JSON.stringify(request.messages);
    if (!isOffered || text.includes("Made to measure")) return "It is repaired first.";
    const path = text.includes("# Deciding a refund") ? { path: "references/cases.md" } : {};
    const given = { skill: "refund-decision", ...path };
    return { calls: [{ name: "read_skill", arguments: given }] };
  };

  const message = "Do I get a refund for a kettle that broke after a year?";
  const asked = { agent_key: body.data[0].id, message };
  const chat = await host.call("POST", "/v1/proxy/core-agent-chat", asked);
  host.llm.script = script;

  expect(chat.body.data.routing_info).toMatchObject({ action_name: "Refunds" });
  const read = JSON.stringify(host.llm.requests.slice(before).map(({ messages }) => messages));
  expect(read).toContain("Repaired first; money only when it cannot be.");
  expect(JSON.stringify(chat.body.data)).toContain("It is repaired first.");
});

test("the research team is applied and answers with what each member said", async () => {
  const applied = await host.call("POST", "/v2/packs", request("research-team"));
  expect(applied.status).toBe(201);
  const { desk } = objectsOf(applied);

  const run = await host.call("POST", `/v2/teams/${desk}/runs`, {
    input: "Which cell works in the cold?",
  });

  expect(run.body).toMatchObject({ status: "completed" });
  expect(host.llm.requests.length).toBeGreaterThanOrEqual(2);
});

test("the operations pack is applied, and its workflow waits for the person it asks", async () => {
  const secrets = { STATUS_TOKEN: "token-of-the-status-page" };
  const applied = await host.call("POST", "/v2/packs", request("operations", { secrets }));
  expect(applied.status).toBe(201);
  const { incident, announce } = objectsOf(applied);

  const run = await host.call("POST", `/v2/workflows/${incident}/runs`, {
    input: { report: "The database is slow since noon." },
  });
  expect(run.body.approvals).toHaveLength(1);
  const [{ id }] = run.body.approvals;
  await host.call("POST", `/v2/approvals/${id}/decide`, { decision: "approve" });
  const ended = await host.events("GET", `/v2/runs/${run.body.id}/events`);
  await ended.rest();

  const now = await host.call("GET", `/v2/runs/${run.body.id}`);
  expect(now.body).toMatchObject({ status: "completed" });
  const tool = await host.call("GET", `/v2/tools/${announce}`);
  expect(tool.body.config.headers).toEqual({ Authorization: "***" });
});

test("each is applied twice and changes nothing the second time", async () => {
  const more = { operations: { secrets: { STATUS_TOKEN: "token-of-the-status-page" } } };
  for (const name of ["customer-support", "research-team", "operations"] as const) {
    const again = await host.call(
      "POST",
      "/v2/packs",
      request(name, name in more ? more.operations : {}),
    );

    expect(again.status).toBe(200);
    expect(again.body.plan.summary).toMatchObject({ create: 0, update: 0, delete: 0 });
    expect(again.body.plan.drift).toEqual([]);
    expect(again.body.pack.version).toBe(1);
  }
});
