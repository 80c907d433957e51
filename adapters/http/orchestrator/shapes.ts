// What /agents/v1 shows: agents in the shape that their files have, with what the server adds.

import {
  orchestratedInput,
  orchestratedLimits,
  orchestratedTool,
  orchestratedTrigger,
} from "../../../actors/records/orchestrated.ts";
import { subAgentInput } from "../../../actors/records/sub-agent.ts";
import { triggerKind } from "../../../actors/records/trigger.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import type { Orchestrated, Orchestrator } from "../../orchestrator/port.ts";
import { agentDetails, subAgentDetails } from "../details.ts";
import { named } from "../openapi/named.ts";
import { orNull, shownRecord, time } from "../openapi/responses.ts";

type Fields = Readonly<Record<string, unknown>>;

const closed = { additionalProperties: false } as const;
const text = Type.String();
const agentId = Type.String({ pattern: "^ag_[A-Za-z0-9]{1,61}$" });

named("OrchestratedAgentInput", orchestratedInput);

const { model_name: _, ...shownFields } = orchestratedInput.properties;

/** An agent as it is shown. */
export const agentShown: TSchema = named(
  "OrchestratedAgent",
  shownRecord(
    Type.Object({
      ...shownFields,
      tools: Type.Array(orchestratedTool),
      triggers: Type.Array(orchestratedTrigger),
      sub_agents: Type.Array(subAgentInput),
    }),
    { id: agentId },
    {
      origin: Type.Union([Type.Literal("file"), Type.Literal("agents_v1")]),
      file: orNull(
        Type.String({ description: "The file that says it, and in which it is changed." }),
      ),
      problem: orNull(
        Type.String({
          description:
            "What is wrong in the file, with line and column; the agent is as it was before.",
        }),
      ),
      version: Type.Integer({ minimum: 1 }),
      created_at: time,
      updated_at: time,
    },
  ),
);

/** The body of a start. */
export const startBody = Type.Object(
  {
    input: Type.Optional(
      Type.String({
        ...{ minLength: 1, maxLength: orchestratedLimits.inputChars },
        description: "What it begins to work on at once.",
      }),
    ),
  },
  closed,
);

/** What a start answers. */
export const startShown: TSchema = named(
  "AgentStarted",
  Type.Object(
    {
      ...{ id: agentId, name: text, status: Type.Literal("running") },
      run: orNull(Type.Object({ id: text, run_id: text, conversation_key: text }, closed)),
    },
    closed,
  ),
);

/** What a stop answers. */
export const stopShown: TSchema = named(
  "AgentStopped",
  Type.Object(
    {
      ...{ id: agentId, name: text, status: Type.Literal("stopped") },
      cancelled_runs: Type.Array(text),
    },
    closed,
  ),
);

/** An agent as it is shown. */
export async function agentView(
  { row, state, subAgents, triggers }: Orchestrated,
  models: Pick<Orchestrator, "modelOf">,
  problems: readonly string[],
): Promise<Fields> {
  const { saidOf } = await import("../../orchestrator/mapping.ts");
  const { agent_key: id, version, created_at, updated_at } = row.agent;
  const details = agentDetails(row) as unknown as Parameters<typeof saidOf>[0];
  return {
    id,
    ...(await saidOf(details, { modelOf: (name) => models.modelOf(name) })),
    sub_agents: subAgents.map((one) => picked(subAgentDetails(one), subAgentFields)),
    triggers: triggers.map(({ record }) => {
      const wanted = state.triggers.find((one) => one.id === record.id);
      return triggerShown({ ...record, is_active: wanted?.isActive ?? record.is_active });
    }),
    status: state.status,
    origin: row.agent.origin ?? "agents_v1",
    file: state.file,
    problem: problems.length === 0 ? null : problems.join("; "),
    ...{ version, created_at, updated_at },
  };
}

const triggerFields = Object.keys(orchestratedTrigger.properties);
const subAgentFields = Object.keys(subAgentInput.properties);

function triggerShown(record: object): Fields {
  return picked((triggerKind.shown?.(record as never) ?? record) as Fields, triggerFields);
}

/** Those of the fields that are set. */
function picked(record: Fields, names: readonly string[]): Fields {
  const set = names.filter((name) => record[name] != null);
  return Object.fromEntries(set.map((name) => [name, record[name]]));
}
