// An apply is all or nothing: a failure at each of 200 objects, at each write, and the death of the process
// at each write, leave every table as it was, or as it has to be.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { PackRequest } from "../../adapters/packs/pack-source.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type PackDesk, startPackDesk } from "../support/pack-desk.ts";
import type { Json } from "../support/wire-client.ts";

let desk: PackDesk;

beforeAll(async () => {
  desk = await startPackDesk();
  await desk.host.setBalance(100_000);
});
afterAll(() => desk.host.stop());

const OBJECTS = 200;

/** An object of a pack, wrong where it is asked to be. */
function line(at: number, isWrong: boolean): string {
  const name = `Object ${at}`;
  switch (at % 4) {
    case 0:
      return `  - { key: o${at}, name: ${name}, template: "${isWrong ? "{{> Nobody}}" : "Hello."}" }`;
    case 1: {
      const config = isWrong ? "{ agent: ag_none }" : "{}";
      return `  - { key: o${at}, name: tool_${at}, type: ${isWrong ? "delegate" : "calculator"}, config: ${config} }`;
    }
    case 2: {
      const prompt = isWrong ? "pr_none" : `{ ref: o${at - 2} }`;
      return `  - { key: o${at}, name: ${name}, prompt_id: ${prompt}, tools: [{ tool: { ref: o${at - 1} } }] }`;
    }
    default: {
      const agent = isWrong ? "ag_none" : `{ ref: o${at - 1} }`;
      return `  - { key: o${at}, name: ${name}, mode: coordinate, members: [{ agent: ${agent} }] }`;
    }
  }
}

/** A pack of 200 objects. */
function large(name: string, wrong = -1): string {
  const all = Array.from({ length: OBJECTS }, (_, at) => at);
  const section = (title: string, rest: number): readonly string[] => [
    `${title}:`,
    ...all.filter((at) => at % 4 === rest).map((at) => line(at, at === wrong)),
  ];
  const sections = [
    section("prompts", 0),
    section("tools", 1),
    section("agents", 2),
    section("teams", 3),
  ];
  return [`pack: ${name}`, ...sections.flat()].join("\n");
}

const caller = () => ({ tenant: desk.host.tenant, keyId: null, service: "packs" });

test("a pack of 200 objects is applied in less than 2 s", async () => {
  const source = large("large");
  // What is loaded with the first apply is no part of it.
  await desk.plan(source);
  const begun = performance.now();

  // Not by way of the desk, which holds every answer to the API's description.
  const headers = { "X-API-Key": desk.host.key, "Content-Type": "application/json" };
  const body = JSON.stringify({ source });
  const answer = await fetch(`${desk.host.url}/v2/packs`, { method: "POST", headers, body });
  const applied = { body: (await answer.json()) as Json };

  const ms = performance.now() - begun;
  expect(applied.body.plan.summary.create).toBe(OBJECTS);
  console.log(`200 objects applied in ${ms.toFixed(0)} ms`);
  expect(ms).toBeLessThan(2_000);
  const again = performance.now();
  expect((await desk.apply(source)).body.plan.summary.unchanged).toBe(OBJECTS);
  console.log(`and applied again, unchanged, in ${(performance.now() - again).toFixed(0)} ms`);
  expect((await desk.host.call("DELETE", `/v2/packs/${applied.body.pack.id}`)).status).toBe(204);
});

test("a failure at each of 200 objects leaves every table as it was", {
  timeout: 60_000,
}, async () => {
  const packs = await desk.services.packs();
  const state = await desk.state();
  const lines = new Set<number>();
  for (let at = 0; at < OBJECTS; at += 1) {
    const failed = packs.apply(caller(), { source: large("wrong", at) }, null);
    const error: unknown = await failed.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(RuntimeError);
    const { problems = [] } = (error as RuntimeError).details as {
      readonly problems?: readonly { readonly line: number }[];
    };
    const [problem] = problems;
    lines.add(problem?.line ?? 0);
    if (at % 20 === 0) expect(await desk.state(), `object ${at}`).toBe(state);
  }
  expect(await desk.state()).toBe(state);
  // Each was refused in its own line.
  expect(lines.size).toBe(OBJECTS);
});

const first = (name: string): PackRequest => ({
  source: `
pack: ${name}
collections:
  - key: pages
    name: Pages
    documents: [{ id: a, text: Alpha is first. }, { id: b, text: Beta is second. }]
agents:
  - key: desk
    name: Desk
    sub_agents: [{ key: docs, name: Docs, use_rag: true, collection_key: { ref: pages } }]
`,
});

const second = (name: string): PackRequest => ({
  source: `
pack: ${name}
collections:
  - key: pages
    name: Pages anew
    documents: [{ id: a, text: Alpha is the first. }, { id: c, text: Gamma is third. }]
  - { key: more, name: More, documents: [{ id: d, text: Delta is fourth. }] }
prompts:
  - { key: style, name: Style of ${name}, template: Be brief. }
skills:
  - key: way
    files: [{ path: SKILL.md, text: "---\\nname: ${name}\\ndescription: The way.\\n---\\nBy the river." }]
`,
});

/** What a tenant sees of a pack: its records and the texts of its documents. */
async function seen(name: string): Promise<unknown> {
  const { data } = (await desk.host.call("GET", "/v2/packs?limit=100")).body;
  const pack = data.find((one: { readonly name: string }) => one.name === name);
  if (pack === undefined) return null;
  const { source } = (await desk.host.call("GET", `/v2/packs/${pack.id}/export`)).body;
  return [pack.version, source];
}

const tablesOf = async (): Promise<readonly unknown[]> => {
  const { tables } = desk.host.system;
  const open = [
    ...(await tables.list("tn_system", "pack-applies", { limit: 10 })),
    ...(await tables.list("tn_system", "pack-documents", { limit: 10 })),
    ...(await tables.list(desk.host.tenant, "collections-coming", { limit: 10 })),
  ];
  return open;
};

test.each(["refused", "died"] as const)(
  "an apply whose write is %s, whichever it is, is undone or finished",
  { timeout: 180_000 },
  async (how) => {
    const packs = await desk.services.packs();
    let ended = false;
    for (let at = 1; !ended; at += 1) {
      const name = `at-${how}-${at}`;
      await packs.apply(caller(), first(name), null);
      const before = await seen(name);
      let writes = 0;
      const broken = desk.serviceOver(async () => {
        writes += 1;
        const isIt = how === "refused" ? writes === at : writes >= at;
        if (isIt) throw new RuntimeError("STORE_FAILED", "The disk is gone.");
      });

      ended = await broken.apply(caller(), second(name), null).then(
        () => writes < at,
        () => false,
      );
      // The process that comes after it.
      const next = desk.serviceOver(async () => undefined);
      await next.recover();

      const after = await seen(name);
      const isDone = (after as readonly [number, string])[0] === 2;
      if (!isDone) expect(after, `write ${at}`).toEqual(before);
      else expect(String(after), `write ${at}`).toContain("Gamma is third.");
      if (isDone) expect(String(after)).not.toContain("Beta is second.");
      expect(await tablesOf(), `write ${at}`).toEqual([]);
    }
  },
);

test("what an apply that failed had taken in for a new collection is found by nobody", async () => {
  const state = await desk.state();
  const broken = desk.serviceOver(async (writes) => {
    const isLast = writes.some((write) => write.type !== "add" && write.table === "packs");
    if (isLast) throw new RuntimeError("STORE_FAILED", "The disk is gone.");
  });

  await expect(broken.apply(caller(), first("lost"), null)).rejects.toThrow("The disk is gone.");

  expect(await desk.state()).toBe(state);
  expect(await tablesOf()).toEqual([]);
});
