// Versions that agents name: in a pack they are those of the objects that it makes, so that a pack says
// the same wherever it is applied.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type PackDesk, startPackDesk } from "../support/pack-desk.ts";
import { skillText } from "../support/skill-files.ts";
import type { Json } from "../support/wire-client.ts";

let desk: PackDesk;

beforeAll(async () => {
  desk = await startPackDesk();
  await desk.host.setBalance(10_000);
});
afterAll(() => desk.host.stop());

const source = (name: string, style = "Be brief."): string => `
pack: ${name}
prompts:
  - { key: style, name: Style of ${name}, template: ${style} }
skills:
  - { key: way, files: [{ path: SKILL.md, text: ${JSON.stringify(skillText(name, style))} }] }
agents:
  - key: desk
    name: Desk of ${name}
    prompt_id: { ref: style }
    prompt_version: { ref: style }
    skills: [{ id: { ref: way }, version: { ref: way } }]
    sub_agents:
      - { key: sub, name: Sub, trigger: { keywords: [x] }, skills: [{ id: { ref: way }, version: { ref: way } }] }
`;

const idsOf = ({ body }: { readonly body: Json }): Json =>
  Object.fromEntries(body.pack.objects.map((one: Json) => [one.name, one.id]));
const agentOf = async (id: string): Promise<Json> =>
  (await desk.host.call("GET", `/v2/agents/${id}`)).body;

test("an agent names the versions that the pack makes, and those of the next apply after it", async () => {
  const ids = idsOf(await desk.apply(source("one")));
  expect(await agentOf(ids.desk)).toMatchObject({
    prompt_version: 1,
    skills: [{ id: ids.way, version: 1 }],
  });

  const { plan } = (await desk.apply(source("one", "Be kind."))).body;

  const { fields } = plan.changes.find((one: Json) => one.name === "desk");
  expect(fields[0]).toEqual({ pointer: "/prompt_version", before: 1, after: 2 });
  const agent = await agentOf(ids.desk);
  expect(agent).toMatchObject({ prompt_version: 2, skills: [{ version: 2 }] });
  const sub = await desk.host.call(
    "GET",
    `/v2/agents/${ids.desk}/sub-agents/${agent.sub_agents[0]}`,
  );
  expect(sub.body.skills).toEqual([{ id: ids.way, version: 2 }]);
  expect((await desk.apply(source("one", "Be kind."))).body.plan.summary.unchanged).toBe(3);
});

test("an export names them too, and applied elsewhere they are the versions there", async () => {
  await desk.apply(source("two"));
  const { pack } = (await desk.apply(source("two", "Be kind."))).body;
  const { source: first } = (await desk.host.call("GET", `/v2/packs/${pack.id}/export`)).body;
  const key = desk.host.otherKey;

  const there = await desk.host.call("POST", "/v2/packs", { source: first }, { key });

  expect(there.body.detail).toBeUndefined();
  const id = idsOf(there).desk;
  const agent = await desk.host.call("GET", `/v2/agents/${id}`, undefined, { key });
  expect(agent.body).toMatchObject({ prompt_version: 1, skills: [{ version: 1 }] });
  const path = `/v2/packs/${there.body.pack.id}/export`;
  const again = await desk.host.call("GET", path, undefined, { key });
  expect(again.body.source).toBe(first);
});

test.each([
  ["a prompt that has a newer one", (ids: Json) => ({ prompt_id: ids.style, prompt_version: 1 })],
  ["a skill that has a newer one", (ids: Json) => ({ skills: [{ id: ids.way, version: 1 }] })],
])("an export of who names a version of %s is refused and says why", async (what, pins) => {
  const name = what.includes("prompt") ? "three" : "four";
  const ids = idsOf(await desk.apply(source(name)));
  await desk.apply(source(name, "Be kind."));
  const made = await desk.host.call("POST", "/v2/agents", { name: "Old", ...pins(ids) });

  const body = { pack: "old", ids: [made.body.id] };
  const told = await desk.host.call("POST", "/v2/packs/export", body);

  expect(told.status).toBe(409);
  expect(told.body.detail).toMatch(
    /^Version 1 of (pr|sk)_\w+ is named, which is not the newest \(2\)/,
  );
});

test("an export of a template that takes in a version of another is refused", async () => {
  const { style } = idsOf(await desk.apply(source("five")));
  const template = "{{> Style of five@1}}";
  const made = await desk.host.call("POST", "/v2/prompts", { name: "Over five", template });
  expect([made.status, style]).toEqual([201, expect.stringMatching(/^pr_/)]);

  const body = { pack: "old", ids: [made.body.id] };
  const told = await desk.host.call("POST", "/v2/packs/export", body);

  expect(told.status).toBe(409);
  expect(told.body.detail).toContain("takes in Style of five@1");
});

test("a version of what is not in the pack is refused in its place", async () => {
  const pack = "pack: six\nagents:\n  - { key: a, name: A, prompt_version: { ref: none } }\n";

  const told = await desk.apply(pack);

  expect(told.body.detail).toBe("pack.yaml:3:42: No object of this pack has the key none.");
});
