// Rows of the kinds of resources: the same of each, made of its samples.

import { expect } from "vitest";
import { type ResourceSample, resourceSamples } from "../../../support/resource-samples.ts";
import { agent } from "../makers.ts";
import { again, type Refusal, type Row, type Rows, withBody } from "../row.ts";
import type { World } from "../world.ts";

type Kind = keyof typeof resourceSamples;
const samples = new WeakMap<World, Map<Kind, Promise<ResourceSample>>>();

/** A kind's sample, made once for a world: what its records name. */
function sampleOf(world: World, kind: Kind): Promise<ResourceSample> {
  const own = samples.get(world) ?? new Map<Kind, Promise<ResourceSample>>();
  samples.set(world, own);
  const made = own.get(kind) ?? resourceSamples[kind](world.host);
  own.set(kind, made);
  return made;
}

/** Makes a record that names one of the kind; of data sets there is none. */
const users: Readonly<Partial<Record<Kind, (world: World, id: string) => Promise<void>>>> = {
  prompts: async (world, id) => {
    await agent(world, { prompt_id: id });
  },
  teams: async (world, id) => {
    const body = { name: "Over", mode: "coordinate", members: [{ agent: id }] };
    await world.make("POST", "/v2/teams", body);
  },
  workflows: async (world, id) => {
    const graph_definition = {
      nodes: [
        { id: "sub", type: "sub_workflow", ref: id },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "sub", to: "end" }],
    };
    await world.make("POST", "/v2/workflows", { name: "Over", graph_definition });
  },
  tools: async (world, id) => {
    await agent(world, { tools: [{ tool: id }] });
  },
};

const variable = { name: "who", type: "string", required: true };

function rowsOf(kind: Kind): Rows {
  const list = `/v2/${kind}`;
  const one = `${list}/{id}`;
  const made = async (world: World) => {
    const sample = await sampleOf(world, kind);
    const { id } = await world.make("POST", list, sample.one);
    return { id: String(id), sample };
  };
  const ofOne = async (world: World) => ({ params: { id: (await made(world)).id } });
  const twice = async (world: World) => {
    const { id, sample } = await made(world);
    await world.make("PATCH", `${list}/${id}`, sample.patch);
    return { params: { id, n: "1" } };
  };
  const changed: Row = {
    good: async (world) => {
      const { id, sample } = await made(world);
      return { params: { id }, body: sample.other };
    },
    status: 200,
    shows: { version: 2 },
  };
  const use = users[kind];
  const named: readonly Refusal[] =
    use === undefined
      ? []
      : [
          {
            ...{ what: "a record that another one names", status: 409, code: "CONFLICT" },
            sent: async (_, world) => {
              const { id } = await made(world);
              await use(world, id);
              return { params: { id } };
            },
          },
        ];
  return {
    [`GET ${list}`]: { good: () => ({ query: "sort=-created_at&limit=2" }), status: 200 },
    [`POST ${list}`]: {
      good: async (world) => ({ body: (await sampleOf(world, kind)).one }),
      status: 201,
      shows: { version: 1 },
    },
    [`GET ${one}`]: { good: ofOne, status: 200, shows: { version: 1 } },
    [`PUT ${one}`]: changed,
    [`PATCH ${one}`]: {
      ...changed,
      good: async (world) => {
        const { id, sample } = await made(world);
        return { params: { id }, body: sample.patch };
      },
    },
    [`DELETE ${one}`]: {
      good: ofOne,
      status: 204,
      conflict: [again(404, "NOT_FOUND"), ...named],
    },
    [`GET ${one}/used-by`]: {
      good: async (world) => {
        const { id } = await made(world);
        await use?.(world, id);
        return { params: { id } };
      },
      status: 200,
      shows: { data: use === undefined ? [] : [{ name: expect.any(String) }] },
    },
    [`GET ${one}/versions`]: {
      good: async (world) => ({ params: { id: (await twice(world)).params.id } }),
      status: 200,
      shows: { data: [{ version: 2, is_current: true }, { version: 1 }] },
    },
    [`GET ${one}/versions/{n}`]: { good: twice, status: 200, shows: { version: 1 } },
    [`POST ${one}/versions/{n}/rollback`]: { good: twice, status: 200, shows: { version: 3 } },
  };
}

/** One that works in a folder that is there. */
async function targetOf(world: World, kind: "targets" | "engines"): Promise<string> {
  const machine = { name: "Here", type: "local", config: { folder: "/" } };
  const { id } = await world.make("POST", "/v2/targets", machine);
  if (kind === "targets") return id;
  const commands = [{ name: "look", description: "Looks.", argv: ["true"] }];
  const engine = { name: "Ops", type: "direct_ops", target: id, config: { commands } };
  return (await world.make("POST", "/v2/engines", engine)).id;
}

function checksOf(kind: "targets" | "engines"): Rows {
  const path = `/v2/${kind}/{id}/check`;
  const good = async (world: World) => ({ params: { id: await targetOf(world, kind) } });
  return {
    [`GET ${path}`]: { good, status: 200, shows: { status: "unknown", checked_at: null } },
    [`POST ${path}`]: {
      ...{ good, status: 200, shows: { status: "ok", message: null } },
      conflict: "cannot: it may be looked at as often as anybody likes",
    },
  };
}

/** The rows. */
export const resourceRows: Rows = {
  ...rowsOf("prompts"),
  ...rowsOf("teams"),
  ...rowsOf("workflows"),
  ...rowsOf("tools"),
  ...rowsOf("datasets"),
  ...rowsOf("channels"),
  ...rowsOf("triggers"),
  ...rowsOf("engines"),
  ...rowsOf("targets"),
  ...checksOf("targets"),
  ...checksOf("engines"),
  "POST /v2/prompts/{id}/preview": {
    good: async (world) => {
      const body = { name: "Bye", template: "Bye, {{who}}!", variables: [variable] };
      const { id } = await world.make("POST", "/v2/prompts", body);
      return { params: { id }, body: { variables: { who: "Ann" } } };
    },
    status: 200,
    shows: { text: "Bye, Ann!", version: 1 },
    wrong: [
      withBody("no value", { variables: {} }, { status: 400, pointer: "/variables/who" }),
      withBody(
        "a value of another type",
        { variables: { who: [] } },
        {
          ...{ status: 400, pointer: "/variables/who" },
        },
      ),
    ],
    conflict: "cannot: it changes nothing",
  },
};
