// Random packs: what is applied is exported and applied elsewhere the same, and nothing is left to plan.

import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { type PackDesk, startPackDesk } from "../support/pack-desk.ts";
import { skillText } from "../support/skill-files.ts";
import type { Answer, Json } from "../support/wire-client.ts";

let desk: PackDesk;

beforeAll(async () => {
  desk = await startPackDesk();
  await desk.host.setBalance(100_000);
  await desk.host.setBalance(100_000, desk.host.otherTenant);
});
afterAll(() => desk.host.stop());

const RUNS = 15;
const SECRET = "Bearer of-a-random-pack";

/** Texts that a file, a parameter or YAML could take for something else. */
const texts = fc.oneof(
  fc.constantFrom(
    ...[
      `\${{ parameters.x }}`,
      "$${{ x }}",
      "***",
      "ref",
      "null",
      "- a\n- b",
      "a: b",
      "# c",
      " x ",
    ],
    ...[
      "---\n...\n",
      "{secret: env:X}",
      "sk_x",
      "\ttab",
      "line\r\nline",
      "é \u{1f600}",
      "'\"",
      "&a *a",
    ],
  ),
  fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" }).filter((one) => one.trim() !== ""),
);

/** Names another, of those before it. */
const picks = fc.array(fc.nat(7), { maxLength: 3 });

const shapes = fc.record({
  collections: fc.array(fc.array(texts, { maxLength: 2 }), { maxLength: 2 }),
  prompts: fc.array(texts, { maxLength: 3 }),
  tools: fc.array(fc.boolean(), { maxLength: 3 }),
  skills: fc.array(fc.tuple(texts, fc.uint8Array({ maxLength: 8 })), { maxLength: 3 }),
  agents: fc.array(
    fc.record({
      description: texts,
      temperature: fc.constantFrom(0, 0.5, 2),
      prompt: fc.nat(7),
      isPinned: fc.boolean(),
      collections: picks,
      tools: picks,
      skills: picks,
      subAgents: fc.array(fc.record({ keyword: texts, skills: picks }), { maxLength: 2 }),
    }),
    { maxLength: 4 },
  ),
  teams: fc.array(picks, { maxLength: 2 }),
});

type Shape = typeof shapes extends fc.Arbitrary<infer Of> ? Of : never;

const escaped = (text: string): string => text.replaceAll("${{", "$${{".replaceAll("$", "$$$$"));

/** Those of the list that are meant, each once. */
function picked(list: readonly unknown[], at: readonly number[], prefix: string): readonly Json[] {
  const places = at.filter((one) => one < list.length);
  return [...new Set(places)].map((one) => ({ ref: `${prefix}${one}` }));
}

/** A pack as a shape says it, with names that no other run of the tenant has. */
function packOf(shape: Shape, name: string): Json {
  const { collections, prompts, tools, skills, agents, teams } = shape;
  const skillsOf = (at: readonly number[]) => {
    return picked(skills, at, "s").map((id) => ({ id }));
  };
  const sections = {
    collections: collections.map((documents, at) => ({
      ...{ key: `c${at}`, name: `Collection ${at} of ${name}` },
      documents: documents.map((text, n) => ({ id: `d${n}`, text: escaped(text) })),
    })),
    // Braces are a template's own.
    prompts: prompts.map((text, at) => {
      const template = escaped(text.replace(/[{}]/g, ""));
      return { key: `p${at}`, name: `Prompt ${at} of ${name}`, template: template.trim() || "Hi." };
    }),
    tools: tools.map((hasSecret, at) => ({
      ...{ key: `t${at}`, name: `tool_${name.replaceAll("-", "_")}_${at}` },
      ...(hasSecret
        ? {
            type: "http_request",
            config: {
              url: "https://api.example.com/x",
              headers: { Authorization: { secret: "env:RANDOM" } },
            },
          }
        : { type: "calculator", config: {} }),
    })),
    skills: skills.map(([text, bytes], at) => ({
      key: `s${at}`,
      files: [
        { path: "SKILL.md", text: escaped(skillText(`${name}-${at}`, text)) },
        { path: "assets/a.bin", base64: Buffer.from(bytes).toString("base64") },
      ],
    })),
    agents: agents.map((agent, at) => {
      const [prompt] = picked(prompts, [agent.prompt], "p");
      return {
        ...{ key: `a${at}`, name: `Agent ${at} of ${name}`, temperature: agent.temperature },
        description: escaped(agent.description),
        ...(prompt && { prompt_id: prompt, ...(agent.isPinned && { prompt_version: prompt }) }),
        collection_ids: picked(collections, agent.collections, "c"),
        tools: picked(tools, agent.tools, "t").map((tool) => ({ tool })),
        skills: skillsOf(agent.skills),
        sub_agents: agent.subAgents.map((sub, n) => ({
          ...{ key: `u${n}`, name: `Sub ${n}`, trigger: { keywords: [escaped(sub.keyword)] } },
          skills: skillsOf(sub.skills),
        })),
      };
    }),
    teams: teams.flatMap((members, at) => {
      const all = picked(agents, members, "a").map((agent) => ({ agent }));
      const team = { key: `m${at}`, name: `Team ${at} of ${name}`, mode: "coordinate" };
      return all.length < 2 ? [] : [{ ...team, members: all }];
    }),
  };
  const some = Object.entries(sections).filter(([, list]) => list.length > 0);
  return { pack: name, ...Object.fromEntries(some) };
}

const done = ({ status, body }: Answer): Json => {
  expect(body.detail).toBeUndefined();
  expect(status).toBeLessThan(300);
  return body;
};

/** What could be taken for something else, in each place. */
const hard: Shape = {
  collections: [[`\${{ parameters.x }}`, "$${{ x }}"]],
  prompts: [`\${{ parameters.x }}`],
  tools: [true, false],
  skills: [[`\${{ parameters.x }}`, Uint8Array.of(0, 255)]],
  agents: [
    {
      ...{ description: "***", temperature: 0.5, prompt: 0, isPinned: true },
      ...{ collections: [0], tools: [0, 1], skills: [0] },
      subAgents: [{ keyword: "sk_x", skills: [0] }],
    },
  ],
  teams: [],
};

let count = 0;

test("applied, exported, applied elsewhere and exported again a pack is the same, and its plan empty", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      count += 1;
      const source = stringify(packOf(shape, `random-${count}`));
      const secrets = { RANDOM: SECRET };
      const { pack } = done(await desk.apply(source, { secrets }));
      const plan = done(await desk.plan(source));
      expect(plan.summary).toMatchObject({ create: 0, update: 0, delete: 0 });
      expect(plan.drift).toEqual([]);
      const path = `/v2/packs/${pack.id}/export`;
      const first = done(await desk.host.call("GET", path));

      const key = desk.host.otherKey;
      const given = Object.fromEntries(first.secrets.map((one: string) => [one, SECRET]));
      const body = { source: first.source, secrets: given };
      const there = done(await desk.host.call("POST", "/v2/packs", body, { key })).pack;
      const again = `/v2/packs/${there.id}/export`;
      const second = done(await desk.host.call("GET", again, undefined, { key }));

      expect(second.source).toBe(first.source);
      expect(first.source).not.toContain(SECRET);
      // It is its own pack, too: applied where it was exported it changes no record.
      const own = done(await desk.plan(first.source));
      const actions = own.changes.map(({ action }: Json) => action);
      expect(actions.filter((action: string) => action !== "unchanged")).toEqual([]);
      await desk.host.call("DELETE", `/v2/packs/${pack.id}`);
      await desk.host.call("DELETE", `/v2/packs/${there.id}`, undefined, { key });
    }),
    { numRuns: RUNS, examples: [[hard]] },
  );
});
