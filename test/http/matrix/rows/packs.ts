// Rows of packs.

import { expect } from "vitest";
import { fresh } from "../makers.ts";
import { again, type Rows, withBody } from "../row.ts";
import type { World } from "../world.ts";

const path = "/v2/packs";

const sourceOf = (name: string, text = "One."): string =>
  [`pack: ${name}`, "prompts:", `  - { key: words, name: ${name}, template: "${text}" }`].join(
    "\n",
  );

/** A pack that was applied twice: its name and id. */
async function applied(world: World): Promise<{ name: string; pk: string; prompt: string }> {
  const name = fresh("pack");
  const { pack } = await world.make("POST", path, { source: sourceOf(name) });
  await world.make("POST", path, { source: sourceOf(name, "Two.") });
  return { name, pk: pack.id, prompt: pack.objects[0].id };
}
const ofOne = async (world: World) => ({ params: { pk: (await applied(world)).pk } });

const wrongFile = withBody(
  "a file with what no pack has",
  { source: "pack: a\nprompts:\n  - { key: b, name: c, tmplate: d }" },
  { status: 400, code: "INVALID", pointer: "/source" },
);
const stale = {
  what: "a plan that is another one by now",
  status: 412,
  code: "REVISION_MISMATCH",
} as const;
const headers = { "If-Match": `"${"0".repeat(32)}"` };

/** The rows. */
export const packRows: Rows = {
  [`POST ${path}/plan`]: {
    good: () => ({ body: { source: sourceOf(fresh("pack")) } }),
    status: 200,
    shows: { summary: { create: 1, update: 0, delete: 0, unchanged: 0 } },
    wrong: [wrongFile],
    conflict: "cannot: it changes nothing",
  },
  [`POST ${path}`]: {
    good: () => ({ body: { source: sourceOf(fresh("pack")) } }),
    status: 201,
    shows: { pack: { version: 1 } },
    wrong: [wrongFile],
    conflict: [{ ...stale, sent: (good) => ({ ...good, headers }) }],
  },
  [`GET ${path}`]: {
    good: async (world) => {
      await applied(world);
      return { query: "limit=1" };
    },
    status: 200,
    shows: { data: [{ id: expect.stringMatching(/^pk_/) }] },
  },
  [`GET ${path}/{pk}`]: { good: ofOne, status: 200, shows: { version: 2 } },
  [`DELETE ${path}/{pk}`]: {
    good: ofOne,
    status: 204,
    conflict: [
      again(404, "NOT_FOUND"),
      {
        ...{ what: "a pack of which another record names something", status: 409 },
        code: "CONFLICT",
        sent: async (_, world) => {
          const { pk, prompt } = await applied(world);
          await world.make("POST", "/v2/agents", { name: "Reader", prompt_id: prompt });
          return { params: { pk } };
        },
      },
    ],
  },
  [`POST ${path}/{pk}/rollback`]: {
    good: async (world) => ({ ...(await ofOne(world)), body: {} }),
    status: 200,
    shows: { pack: { version: 3 } },
    conflict: [{ ...stale, sent: (good) => ({ ...good, headers }) }],
  },
  [`GET ${path}/{pk}/export`]: {
    good: ofOne,
    status: 200,
    shows: { source: expect.stringContaining("Two.") },
  },
  [`POST ${path}/export`]: {
    good: async (world) => ({
      body: { pack: "taken", ids: [(await applied(world)).prompt] },
    }),
    status: 200,
    shows: { source: expect.stringContaining("pack: taken") },
    conflict: "cannot: it changes nothing",
  },
};
