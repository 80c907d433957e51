// Packs through the real door: what is planned is what is applied, once, all or nothing.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type PackDesk, startPackDesk } from "../support/pack-desk.ts";
import type { Json } from "../support/wire-client.ts";

let desk: PackDesk;

beforeAll(async () => {
  desk = await startPackDesk();
  await desk.host.setBalance(10_000);
});
afterAll(() => desk.host.stop());

let count = 0;
const fresh = (): string => {
  count += 1;
  return `pack-${count}`;
};

/** A pack with one of each kind, that name each other. */
const whole = (name: string, more = ""): string => `
pack: ${name}
version: "1"
parameters:
  who: { type: string, default: Ann }
  hot: { type: number, default: 0.5 }
collections:
  - key: pages
    name: Pages of ${name}
    metadata: { of: "\${{ parameters.who }}" }
    documents:
      - { id: hours, title: Hours, text: "\${{ parameters.who }} opens at noon." }
      - { id: way, text: By the river. }
prompts:
  - { key: outer, name: Outer of ${name}, template: "Hello, {{name}}! {{> Inner of ${name}}}", variables: [{ name: name, type: string }] }
  - { key: inner, name: Inner of ${name}, template: Be brief. }
tools:
  - key: orders
    name: orders
    type: http_request
    config: { url: https://api.example.com/orders, headers: { Authorization: { secret: env:ORDERS } } }
  - { key: ask, name: ask_desk, type: delegate, config: { agent: { ref: desk } } }
agents:
  - key: desk
    name: Desk of ${name}
    temperature: \${{ parameters.hot }}
    prompt_id: { ref: outer }
    prompt_variables: { name: "\${{ parameters.who }}" }
    collection_ids: [{ ref: pages }]
    tools: [{ tool: { ref: orders } }]
    agent_config: { fallback: { ref: desk/hours } }
    sub_agents:
      - { key: hours, name: Hours, trigger: { keywords: [open] }, use_rag: true, collection_key: { ref: pages } }
      - { key: way, name: Way, trigger: { keywords: [where] } }
  - { key: other, name: Other of ${name}, tools: [{ tool: { ref: ask } }] }
teams:
  - { key: both, name: Both of ${name}, mode: coordinate, members: [{ agent: { ref: desk } }, { agent: { ref: other } }] }
workflows:
  - key: flow
    name: Flow of ${name}
    graph_definition:
      nodes: [{ id: ask, type: agent, ref: { ref: other }, input: "'hi'" }, { id: end, type: end }]
      edges: [{ from: ask, to: end }]
${more}`;

const secrets = { ORDERS: "Bearer of-the-orders" };
const ids = ({ body }: { readonly body: Json }): Json =>
  Object.fromEntries(body.pack.objects.map((one: Json) => [one.name, one.id]));

test("every kind is made, each naming the others by their ids, and costs what it costs alone", async () => {
  const before = await desk.host.balance();
  const applied = await desk.apply(whole(fresh()), { secrets, parameters: { who: "Ben" } });

  expect(applied.body.detail).toBeUndefined();
  expect(applied.status).toBe(201);
  const id = ids(applied);
  const agent = (await desk.host.call("GET", `/v2/agents/${id.desk}`)).body;
  expect(agent).toMatchObject({
    temperature: 0.5,
    prompt_id: id.outer,
    prompt_variables: { name: "Ben" },
    collection_ids: [id.pages],
    tools: [{ tool: id.orders }],
    version: 1,
  });
  expect(agent.agent_config.fallback).toBe(agent.sub_agents[0]);
  const found = await desk.host.call("POST", `/v2/knowledge/collections/${id.pages}/search`, {
    query: "When does Ben open?",
  });
  expect(found.body.data[0]).toMatchObject({ document_id: "hours", text: "Ben opens at noon." });
  // Two agents at 1 and two sub-agents at 0.5.
  expect(before - (await desk.host.balance())).toBe(3_000_000);
  expect(applied.body.plan.charge).toBe(3);
});

test("the same pack applied again changes nothing, costs nothing and is no new version", async () => {
  const source = whole(fresh());
  await desk.apply(source, { secrets });
  const state = await desk.state();

  const again = await desk.apply(source, { secrets });

  expect(again.status).toBe(200);
  expect(again.body.plan.summary).toMatchObject({ create: 0, update: 0, delete: 0 });
  expect(await desk.state()).toBe(state);
});

test("a plan stores nothing and shows what changes, field by field", async () => {
  const source = whole(fresh());
  await desk.apply(source, { secrets });
  const state = await desk.state();

  const changed = source
    .replace("Be brief.", "Be kind.")
    .replace("By the river.", "By the sea.")
    .replace(/teams:\n.*\n/, "");
  const plan = await desk.plan(changed, { secrets, parameters: { hot: 1 } });

  expect(plan.body.summary).toEqual({ create: 0, update: 3, delete: 1, unchanged: 7 });
  const of = (name: string): Json => plan.body.changes.find((one: Json) => one.name === name);
  expect(of("desk").fields).toEqual([{ pointer: "/temperature", before: 0.5, after: 1 }]);
  expect(of("inner").fields).toEqual([
    { pointer: "/template", before: "Be brief.", after: "Be kind." },
  ]);
  expect(of("both").action).toBe("delete");
  expect(plan.body.documents).toContainEqual({
    ...{ collection: "pages", id: "way", action: "update", has_drifted: false },
  });
  expect(await desk.state()).toBe(state);
});

test("what was planned is applied, or nothing when something has changed since", async () => {
  const source = whole(fresh());
  const id = ids(await desk.apply(source, { secrets }));
  const changed = source.replace("Be brief.", "Be kind.");
  const { revision } = (await desk.plan(changed, { secrets })).body;
  const apply = (named: string) =>
    desk.host.call(
      "POST",
      "/v2/packs",
      { source: changed, secrets },
      {
        headers: { "If-Match": `"${named}"` },
      },
    );

  await desk.host.call("PATCH", `/v2/agents/${id.desk}`, { temperature: 2 });
  const state = await desk.state();
  const late = await apply(revision);
  expect(late.status).toBe(412);
  expect(await desk.state()).toBe(state);

  const plan = (await desk.plan(changed, { secrets })).body;
  expect(plan.drift).toMatchObject([
    {
      name: "desk",
      is_missing: false,
      fields: [{ pointer: "/temperature", before: 0.5, after: 2 }],
    },
  ]);
  expect((await apply(plan.revision)).status).toBe(200);
  expect((await desk.host.call("GET", `/v2/agents/${id.desk}`)).body.temperature).toBe(0.5);
});

test("a pack goes back to the version before, with its documents and what it had removed", async () => {
  const source = whole(fresh());
  const first = await desk.apply(source, { secrets });
  const id = ids(first);
  const changed = source
    .replace("By the river.", "By the sea.")
    .replace(/ {2}- \{ id: way/, "  - { id: road")
    .replace(/workflows:[\s\S]*$/, "");
  await desk.apply(changed.replace("Be brief.", "Be kind."), { secrets });
  expect((await desk.host.call("GET", `/v2/workflows/${id.flow}`)).status).toBe(404);

  const back = await desk.host.call("POST", `/v2/packs/${first.body.pack.id}/rollback`, {});

  expect(back.status).toBe(200);
  expect(back.body.pack.versions.at(-1)).toMatchObject({ version: 3, restored_from: 1 });
  expect((await desk.host.call("GET", `/v2/prompts/${id.inner}`)).body.template).toBe("Be brief.");
  const documents = `/v2/knowledge/collections/${id.pages}/documents`;
  expect((await desk.host.call("GET", `${documents}/way`)).body.text).toBe("By the river.");
  expect((await desk.host.call("GET", `${documents}/road`)).status).toBe(404);
  const flow = ids(back).flow;
  expect((await desk.host.call("GET", `/v2/workflows/${flow}`)).status).toBe(200);
});

test("all that is wrong is said at once, with file, line and column", async () => {
  const state = await desk.state();
  const source = [
    ...["pack: wrong", "prompts:", "  - key: a", "    name: A", "    tmplate: x"],
    ...["agents:", "  - key: b", "    name: 5", "    prompt_id: { ref: nobody }"],
    ...[`    temperature: \${{ parameters.none }}`, "  - { key: a, name: C }"],
  ].join("\n");

  const told = await desk.apply(source, { file: "my.yaml" });

  expect(told.status).toBe(400);
  const places = told.body.problems.map((one: Json) => [one.file, one.line, one.column]);
  expect(places).toEqual([
    ["my.yaml", 3, 5],
    ["my.yaml", 5, 5],
    ["my.yaml", 8, 5],
    ["my.yaml", 9, 18],
    ["my.yaml", 10, 5],
    ["my.yaml", 10, 5],
    ["my.yaml", 11, 7],
  ]);
  expect(told.body.detail).toMatch(/^my\.yaml:3:5: /);
  expect(await desk.state()).toBe(state);
});

test("a secret is in the record alone: in no plan, answer, export or stored pack", async () => {
  const secret = "Bearer of-the-orders";
  const source = whole(fresh());
  const plan = await desk.plan(source, { secrets });
  const applied = await desk.apply(source, { secrets });
  const { id } = applied.body.pack;
  const exported = await desk.host.call("GET", `/v2/packs/${id}/export`);
  const rows = await desk.host.system.tables.list(desk.host.tenant, "pack-versions", {
    limit: 200,
  });
  const pack = await desk.host.system.tables.list(desk.host.tenant, "packs", { limit: 200 });

  const all = JSON.stringify([plan.body, applied.body, exported.body, rows, pack]);
  expect(all).not.toContain("of-the-orders");
  expect(exported.body.secrets).toEqual(["ORDERS_AUTHORIZATION"]);
  const { orders } = ids(applied);
  const stored = await desk.host.system.tables.get(desk.host.tenant, "tools", orders ?? "");
  expect(JSON.stringify(stored)).toContain(secret);
  // Sent no more it stays; a tool that needs it and never had it is refused in its line.
  expect((await desk.apply(source)).body.plan.summary).toMatchObject({ update: 0 });
  const without = await desk.apply(whole(fresh()));
  expect(without.status).toBe(400);
  expect(without.body.problems[0].message).toMatch(/has to be sent: ORDERS/);
});

test.each([
  ["a field", "  - { key: a, name: x, type: calculator, description: { secret: env:X } }", 42],
  [
    "a header that is shown",
    "  - { key: a, name: x, type: http_request, config: { url: https://api.example.com, headers: { X-Plain: { secret: env:X } } } }",
    95,
  ],
])("a secret in %s would be read by others: it is refused", async (_, line, column) => {
  const told = await desk.apply(`pack: told\ntools:\n${line}`, { secrets: { X: "of-the-orders" } });

  expect(told.status).toBe(400);
  expect(told.body.detail).toMatch(/^pack.yaml:3:\d+: A secret stands in a header of a tool/);
  expect(told.body.problems[0]).toMatchObject({ line: 3, column });
  expect(JSON.stringify(told.body)).not.toContain("of-the-orders");
  const marked = line.replace("headers: {", "secret_headers: [X-Plain], headers: {");
  const source = `pack: told\ntools:\n${marked}`;
  const plan = await desk.plan(source, { secrets: { X: "of-the-orders" } });
  expect(plan.status).toBe(marked === line ? 400 : 200);
});

test.each([
  [
    "an alias bomb",
    `pack: a\nx: &a [1,1,1,1,1,1,1,1,1]\ny: &b [${"*a,".repeat(9)}]\nz: &c [${"*b,".repeat(9)}]\nw: [${"*c,".repeat(9)}]`,
  ],
  ["a thousand levels", `pack: a\nx: ${"[".repeat(1_000)}${"]".repeat(1_000)}`],
  ["a million levels", `pack: a\nx: ${"[".repeat(1_000_000)}`],
  ["a million levels of lists", `pack: a\nx: ${"- ".repeat(500_000)}`],
  ["many aliases", `pack: a\nx: &x 1\ny: [${"*x, ".repeat(200_000)}]`],
  ["two documents", "pack: a\n---\npack: b"],
  ["no YAML", "pack: [a\nb: }"],
  ["a prototype", "pack: a\nagents: [{key: b, name: c, __proto__: {x: 1}}]"],
  [
    "a path out of the folder",
    "pack: a\ncollections: [{key: b, name: c, documents: [{file: ../../etc/passwd}]}]",
  ],
  [
    "an absolute path",
    "pack: a\ncollections: [{key: b, name: c, documents: [{file: /etc/passwd}]}]",
  ],
  [
    "a circle of workflows",
    "pack: a\nworkflows:\n  - {key: b, name: b, graph_definition: {nodes: [{id: x, type: sub_workflow, ref: {ref: c}}, {id: e, type: end}], edges: [{from: x, to: e}]}}\n  - {key: c, name: c, graph_definition: {nodes: [{id: x, type: sub_workflow, ref: {ref: b}}, {id: e, type: end}], edges: [{from: x, to: e}]}}",
  ],
])("%s is refused with its place, and quickly", async (_, source) => {
  const files = { "../../etc/passwd": "root", "/etc/passwd": "root" };
  const begun = Date.now();

  const told = await desk.apply(source, { files });

  expect(told.status).toBe(400);
  expect(told.body.problems[0]).toMatchObject({ line: expect.any(Number) });
  expect(Date.now() - begun).toBeLessThan(5_000);
});

test("a pack is uninstalled with all that it made", async () => {
  const before = await desk.state();
  const applied = await desk.apply(whole(fresh()), { secrets });
  const id = ids(applied);
  expect(await desk.state()).not.toBe(before);

  expect((await desk.host.call("DELETE", `/v2/packs/${applied.body.pack.id}`)).status).toBe(204);

  for (const [path, name] of [
    ["agents", "desk"],
    ["prompts", "inner"],
    ["tools", "orders"],
    ["teams", "both"],
    ["workflows", "flow"],
    ["knowledge/collections", "pages"],
  ] as const) {
    expect((await desk.host.call("GET", `/v2/${path}/${id[name]}`)).status).toBe(404);
  }
});

test("packs applied at the same time follow each other, and another tenant sees none of it", async () => {
  const name = fresh();
  const sources = [1, 2, 3, 4].map((at) => whole(name).replace("Be brief.", `Be ${at}.`));
  const all = await Promise.all(sources.map((source) => desk.apply(source, { secrets })));

  expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
  const { id } = all[0]?.body.pack ?? {};
  expect(all.map(({ body }) => body.pack.version).sort()).toEqual([1, 2, 3, 4]);
  const other = await desk.host.call("GET", `/v2/packs/${id}`, undefined, {
    key: desk.host.otherKey,
  });
  expect(other.status).toBe(404);
});

test("an export applied to an empty tenant gives the same records, and the same export", async () => {
  const applied = await desk.apply(whole(fresh()), { secrets });
  const { id } = applied.body.pack;
  const first = (await desk.host.call("GET", `/v2/packs/${id}/export`)).body;

  const key = desk.host.otherKey;
  const given = { source: first.source, secrets: { ORDERS_AUTHORIZATION: "Bearer x" } };
  const there = await desk.host.call("POST", "/v2/packs", given, { key });
  expect(there.body.detail).toBeUndefined();
  const second = await desk.host.call("GET", `/v2/packs/${there.body.pack.id}/export`, undefined, {
    key,
  });

  expect(second.body.source).toBe(first.source);
  // Exported by their ids alone the records are the same too.
  const flow = ids(there).flow;
  const byId = await desk.host.call(
    "POST",
    "/v2/packs/export",
    { pack: "again", ids: [flow, ids(there).both] },
    { key },
  );
  const names = byId.body.source.match(/^ {4}name: .*$/gm).sort();
  expect(names).toEqual(first.source.match(/^ {4}name: .*$/gm).sort());
});
