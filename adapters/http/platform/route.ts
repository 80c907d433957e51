// POST /v2/agents/{id}/route: which action a message would be routed to, without running it. The
// two cheap ways of the cascade, with what speaks for each candidate; a doubt stays a doubt, because
// no model is asked here.

import type { AgentRow } from "../../../actors/records/agent-version.ts";
import type { CompiledRouter } from "../../../actors/routing/router.ts";
import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { MESSAGE_CHARS_MAX } from "../services/chat.ts";
import type { Services } from "../services/services.ts";

/** Routers kept, by agent and version. */
const ROUTERS_MAX = 100;

const body = Type.Object(
  {
    message: Type.String({ minLength: 1, maxLength: MESSAGE_CHARS_MAX }),
    conversation_key: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
    /** A model is not asked in a dry run yet: only false is taken. */
    use_model: Type.Optional(Type.Literal(false)),
  },
  { additionalProperties: false },
);

/** The route. */
export function dryRunRoute({ agents, conversations, compute }: Services): Route {
  const routers = new Map<string, CompiledRouter>();
  const routerOf = async (tenant: string, row: AgentRow): Promise<CompiledRouter> => {
    const key = `${tenant}/${row.agent.agent_key}.${row.version}`;
    const known = routers.get(key);
    if (known !== undefined) return known;
    const rows = await agents.subAgents(tenant, row.agent.agent_key);
    const { compileAside, asideOf } = await loadRouter();
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
    method: "POST",
    pattern: "/v2/agents/{id}/route",
    service: "route",
    errors: "problem",
    sideEffects: false,
    body,
    handler: async ({ principal, params, body: asked }) => {
      const { tenant } = principal;
      const row = await agents.get(tenant, params["id"] ?? "");
      const router = await routerOf(tenant, row);
      const id = asked.conversation_key ?? null;
      const before = id === null ? {} : await previousOf(tenant, row.agent.agent_key, id);
      const { route, explain, toRoutingInfo } = await loadRouter();
      const decision = route(router, { message: asked.message, ...before });
      return json(200, {
        routing_info: toRoutingInfo(decision),
        doubt: decision.method === "doubt",
        why: decision.candidates.map(({ key }) => ({
          sub_agent_key: key,
          ...explain(router, asked.message, key),
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

/** Runs route on workers; main needs the router for dry runs only. */
async function loadRouter() {
  const [{ route }, { explain }, { compileAside }, { asideOf }, { toRoutingInfo }] =
    await Promise.all([
      import("../../../actors/routing/router.ts"),
      import("../../../actors/routing/explain.ts"),
      import("../../../actors/routing/compile.ts"),
      import("../../../actors/routing/aside.ts"),
      import("../../../actors/routing/decision.ts"),
    ]);
  return { route, explain, compileAside, asideOf, toRoutingInfo };
}
