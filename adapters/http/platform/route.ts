// POST /v2/agents/{id}/route: which action a message would be routed to, without running it, and
// why. The cheap ways of the cascade here; with `use_model` a doubt is settled by the model on a
// worker, as in a turn and at its price.

import type { DryRunReply } from "../../../actors/dry-run.ts";
import type { AgentRow } from "../../../actors/records/agent-version.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import type { CompiledRouter } from "../../../actors/routing/router.ts";
import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import { MESSAGE_CHARS_MAX } from "../services/chat.ts";
import type { Services } from "../services/services.ts";
import { findingSchema, routingSchema, usageSchema } from "./reply-schemas.ts";

/** Routers kept, by agent and version. */
const ROUTERS_MAX = 100;

const body = Type.Object(
  {
    message: Type.String({ minLength: 1, maxLength: MESSAGE_CHARS_MAX }),
    conversation_key: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
    /** Whether a doubt may be settled by the agent's model, which costs what a turn costs. */
    use_model: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

const closed = { additionalProperties: false } as const;
const text = Type.String();
const modelCall = Type.Object(
  {
    model: orNull(
      Type.String({ description: "Null: none could be asked, and nothing was charged." }),
    ),
    usage: usageSchema,
    charged: Type.Number({ description: "In units of the account." }),
  },
  closed,
);
const reason = Type.Object(
  {
    sub_agent_key: text,
    name: text,
    score: Type.Number(),
    keywords: Type.Array(text),
    words: Type.Array(text),
    nearest: orNull(Type.Object({ text, similarity: Type.Number() }, closed)),
  },
  closed,
);
const decisionSchema = named(
  "RoutingDecision",
  Type.Object(
    {
      routing_info: routingSchema,
      doubt: Type.Boolean({ description: "What is cheap to ask could not tell." }),
      stage: Type.String({ description: "What has decided, e.g. `keyword`, `semantic`, `model`." }),
      in_scope: Type.Number({ description: "That any sub-agent is meant, 0 to 1." }),
      model_call: orNull(modelCall),
      explanation: Type.Array(text),
      why: Type.Array(reason),
      guardrails: Type.Optional(Type.Array(findingSchema)),
    },
    closed,
  ),
);

const common = {
  method: "POST",
  pattern: "/v2/agents/{id}/route",
  summary: "Ask who would answer a message, without a run",
  description:
    "How the message would be routed, and why, in words and numbers. Costs nothing; with `use_model` a doubt is settled by the agent's model as in a turn, at the price of a turn. Nothing is stored in the conversation, which only says what came before. Guardrails hold as for a turn: a message that they block is refused, and so is, with `use_model`, one about which a person would be asked, as nobody waits.",
  responses: answers(200, decisionSchema, "The decision."),
  service: "route",
  errors: "problem",
} as const;

/** The route. */
export function dryRunRoute({ agents, conversations, dryRuns, compute }: Services): Route {
  const routers = new Map<string, CompiledRouter>();
  let loaded: Awaited<ReturnType<typeof loadRouter>> | undefined;
  const routerOf = async (tenant: string, row: AgentRow): Promise<CompiledRouter> => {
    const key = `${tenant}/${row.agent.agent_key}.${row.version}`;
    const known = routers.get(key);
    if (known !== undefined) return known;
    const rows = await agents.subAgents(tenant, row.agent.agent_key);
    loaded ??= await loadRouter();
    const { compileAside, asideOf } = loaded;
    const router = await compileAside(
      row.agent,
      rows.map((one) => one.subAgent),
      asideOf(compute, tenant),
    );
    routers.set(key, router);
    const oldest = routers.size > ROUTERS_MAX ? routers.keys().next().value : undefined;
    if (oldest !== undefined) routers.delete(oldest);
    return router;
  };
  return defineRoute({
    ...common,
    body,
    handler: async (context) => {
      const { params, body: asked } = context;
      const { tenant } = context.principal;
      const row = await agents.get(tenant, params["id"] ?? "");
      const router = await routerOf(tenant, row);
      const { findings, ...said } = await dryRuns.screened(callerOf(context), row, asked.message);
      const id = asked.conversation_key ?? null;
      const before = id === null ? {} : await previousOf(tenant, row.agent.agent_key, id);
      loaded ??= await loadRouter();
      const { route, explainer, inWords, toRoutingInfo } = loaded;
      const decision = route(router, { message: said.text, ...before });
      const { agent_key: agent } = row.agent;
      const settled =
        asked.use_model === true && decision.method === "doubt"
          ? await dryRuns.route(
              callerOf(context),
              { agent, version: row.version, ...said, ...before },
              context.request.signal,
            )
          : undefined;
      const why = decision.candidates.map(explainer(router, said.text));
      const found = [...findings, ...(settled?.guardrails ?? [])];
      return json(200, {
        ...(found.length > 0 && { guardrails: found }),
        routing_info: settled?.routing ?? toRoutingInfo(decision),
        doubt: decision.method === "doubt",
        stage: settled?.model == null ? decision.method : "model",
        in_scope: decision.inScope,
        model_call: settled === undefined ? null : modelCallOf(settled),
        explanation: inWords(decision, why),
        why: decision.candidates.map(({ key, name, score }, at) => ({
          ...{ sub_agent_key: key, name, score },
          ...why[at],
        })),
      });
    },
  });

  /** The last message of the conversation and who answered it. */
  async function previousOf(
    tenant: string,
    agent: string,
    id: string,
  ): Promise<{ previous?: string; previousChoice?: string | null }> {
    if (!(await conversations.belongs(tenant, agent, id))) {
      throw new RuntimeError("NOT_FOUND", `Agent ${agent} has no conversation ${id}.`);
    }
    const last = await conversations.last(tenant, id);
    const question = last.find((message) => message.role === "user");
    const answer = last.find((message) => message.routing_info !== undefined);
    return {
      ...(question === undefined ? {} : { previous: question.content }),
      ...(answer?.routing_info === undefined
        ? {}
        : { previousChoice: answer.routing_info.sub_agent_key }),
    };
  }
}

/** What a settled doubt cost; `model` is null when none could be asked, and nothing is charged then. */
function modelCallOf({ model, usage, charge }: DryRunReply): unknown {
  return {
    model,
    usage: {
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      total_tokens: usage.promptTokens + usage.completionTokens,
    },
    charged: unitsOf(charge.micros),
  };
}

/** Runs route on workers; main needs the router for dry runs only, and loads it at the first. */
async function loadRouter() {
  const [{ route }, { explainer, inWords }, { compileAside }, { asideOf }, { toRoutingInfo }] =
    await Promise.all([
      import("../../../actors/routing/router.ts"),
      import("../../../actors/routing/explain.ts"),
      import("../../../actors/routing/compile.ts"),
      import("../../../actors/routing/aside.ts"),
      import("../../../actors/routing/decision.ts"),
    ]);
  return { route, explainer, inWords, compileAside, asideOf, toRoutingInfo };
}
