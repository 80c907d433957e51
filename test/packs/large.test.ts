// A pack of 200 objects: how fast it is, and that a failure at each of them leaves every table as it was.

import { afterAll, beforeAll, expect, test } from "vitest";
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
  timeout: 180_000,
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
