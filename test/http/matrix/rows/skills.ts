// Rows of skills.

import { expect } from "vitest";
import { skillBody } from "../../../support/skill-files.ts";
import { agent } from "../makers.ts";
import { again, type Rows, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const list = "/v2/skills";
const one = `${list}/{id}`;
let made = 0;

/** Names of skills do not repeat. */
const body = () => {
  made += 1;
  return skillBody(`skill-${made}`);
};
const skill = async (world: World) => {
  const sent = body();
  const { id, name } = await world.make("POST", list, sent);
  return { id: String(id), name: String(name), sent };
};
const ofSkill = async (world: World) => ({ params: { id: (await skill(world)).id } });
const next = (name: string) => skillBody(name, { "references/more.md": "More." });
const twice = async (world: World) => {
  const { id, name } = await skill(world);
  await world.make("PUT", `${list}/${id}`, next(name));
  return { params: { id, n: "1" } };
};
const used = async (world: World) => {
  const { id } = await skill(world);
  await agent(world, { skills: [{ id }] });
  return { params: { id } };
};
const wrongVersion = [
  withQuery("version=x", { status: 404 }),
  withQuery("version=9", { status: 404 }),
];

/** The rows. */
export const skillRows: Rows = {
  [`GET ${list}`]: { good: () => ({ query: "sort=name&limit=2" }), status: 200 },
  [`POST ${list}`]: {
    good: () => ({ body: body() }),
    status: 201,
    shows: { version: 1, file_count: 1 },
    wrong: [
      {
        ...{ what: "no SKILL.md", status: 400 },
        sent: (good) => ({ ...good, body: { files: [{ path: "a", text: "" }] } }),
      },
    ],
    conflict: [again(409, "CONFLICT", "a name that is taken")],
  },
  [`GET ${one}`]: { good: ofSkill, status: 200, shows: { version: 1 } },
  [`PUT ${one}`]: {
    good: async (world) => {
      const { id, name } = await skill(world);
      return { params: { id }, body: next(name) };
    },
    status: 200,
    shows: { version: 2, file_count: 2 },
    wrong: [
      {
        ...{ what: "another name", status: 400 },
        sent: (good) => ({ ...good, body: skillBody("another") }),
      },
    ],
  },
  [`DELETE ${one}`]: {
    good: ofSkill,
    status: 204,
    conflict: [
      again(404, "NOT_FOUND"),
      {
        ...{ what: "a skill that an agent names", status: 409, code: "CONFLICT" },
        sent: (_, world) => used(world),
      },
    ],
  },
  [`GET ${one}/used-by`]: {
    good: used,
    status: 200,
    shows: { data: [{ name: expect.any(String) }] },
  },
  [`GET ${one}/versions`]: {
    good: async (world) => ({ params: { id: (await twice(world)).params.id } }),
    status: 200,
    shows: { data: [{ version: 2, is_current: true }, { version: 1 }] },
  },
  [`GET ${one}/versions/{n}`]: { good: twice, status: 200, shows: { version: 1 } },
  [`POST ${one}/versions/{n}/rollback`]: { good: twice, status: 200, shows: { version: 3 } },
  [`GET ${one}/files`]: {
    good: ofSkill,
    status: 200,
    shows: { data: [{ path: "SKILL.md", is_text: true }] },
    wrong: wrongVersion,
  },
  [`GET ${one}/content`]: {
    good: ofSkill,
    status: 200,
    shows: /^---\nname: skill-/,
    wrong: [...wrongVersion, withQuery("path=../a", { status: 404, parameter: "path" })],
  },
  [`GET ${one}/download`]: {
    good: ofSkill,
    status: 200,
    shows: /^PK/,
    wrong: wrongVersion,
  },
};
