// OpenAI's protocol: agents are models, so that its official SDK works unchanged.

import type { AgentRow } from "../../../actors/records/agent-version.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { PAGE_MAX } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { completionRoute } from "./completions.ts";
import { agentOfModel, modelOfAgent } from "./model.ts";

/** Models listed in one response; the protocol has no pages. */
const MODELS_MAX = 1_000;

/** All routes of the surface. */
export function openaiRoutes(services: Services): readonly Route[] {
  const { agents } = services;
  return [
    completionRoute(services),
    defineRoute({
      method: "GET",
      pattern: "/v1/models",
      service: "models",
      errors: "openai",
      handler: async ({ principal }) => {
        const rows: AgentRow[] = [];
        let after: string | undefined;
        while (rows.length < MODELS_MAX) {
          const range = { limit: PAGE_MAX, ...(after === undefined ? {} : { after }) };
          const page = await agents.list(principal.tenant, { page: range, question: null });
          rows.push(...page.items);
          if (page.next === null) break;
          after = page.next;
        }
        return json(200, { object: "list", data: rows.map(shape) });
      },
    }),
    defineRoute({
      method: "GET",
      pattern: "/v1/models/{id}",
      service: "models",
      errors: "openai",
      handler: async ({ principal, params }) => {
        const model = params["id"] ?? "";
        const agent = agentOfModel(model);
        if (agent === null) {
          throw new RuntimeError("NOT_FOUND", `The model ${model.slice(0, 80)} does not exist.`);
        }
        return json(200, shape(await agents.get(principal.tenant, agent)));
      },
    }),
  ];
}

function shape({ agent }: AgentRow): Readonly<Record<string, unknown>> {
  return {
    id: modelOfAgent(agent.agent_key),
    object: "model",
    created: Math.floor(Date.parse(agent.created_at) / 1000),
    owned_by: "troupe",
    name: agent.name,
    description: agent.description,
  };
}
