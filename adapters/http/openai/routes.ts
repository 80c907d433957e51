// OpenAI's protocol: agents, teams and embedders are models, so that its official SDK works unchanged.

import type { AgentRow } from "../../../actors/records/agent-version.ts";
import type { ResourceRow } from "../../../actors/records/resource.ts";
import { onlyOf } from "../../../actors/records/resource-scope.ts";
import type { TeamInput } from "../../../actors/records/team.ts";
import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { anthropicModelPage, anthropicModelSchema } from "../anthropic/schemas.ts";
import { speaksAnthropic } from "../anthropic/version.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { PAGE_MAX, type Page, type PageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { completionRoute } from "./completions.ts";
import { embeddingsRoute } from "./embeddings.ts";
import { embedderOfModel, modelOf, modelOfEmbedder, targetOfModel } from "./model.ts";
import { responseRoutes } from "./responses/routes.ts";
import { modelListSchema, modelSchema } from "./schemas.ts";

/** Models listed in one response; the protocol has no pages. */
const MODELS_MAX = 1_000;

/** All routes of the surface. */
export function openaiRoutes(services: Services): readonly Route[] {
  const { agents, embedders } = services;
  const { teams } = services.resources.kinds;
  return [
    completionRoute(services),
    ...responseRoutes(services),
    embeddingsRoute(services),
    defineRoute({
      summary: "List agents, teams and embedders as models",
      description:
        "At most 1,000, agents before teams before embedders: the protocol has no pages. `/v2/agents` and `/v2/teams` list all of them. With the header `anthropic-version` the answer is a page of Anthropic's protocol, without embedders, by `limit` (20, at most 1,000), `after_id` and `before_id`.",
      responses: answers(200, Type.Union([modelListSchema, anthropicModelPage]), "The models."),
      method: "GET",
      pattern: "/v1/models",
      service: "models",
      errors: "openai",
      handler: async ({ principal, request, query }) => {
        const { tenant, allowedResources } = principal;
        const of = (kind: "agents" | "teams") => ({
          ...{ list: "/v1/models", question: null, only: onlyOf(allowedResources, kind) },
        });
        const data = [
          ...(await all((page) => agents.list(tenant, { page, ...of("agents") }))).map(ofAgent),
          ...(await all((page) => teams.list(tenant, { page, ...of("teams") }))).map(ofTeam),
        ];
        if (speaksAnthropic(request)) {
          const { modelPage } = await import("../anthropic/models.ts");
          return json(200, modelPage(data.slice(0, MODELS_MAX), query));
        }
        const vectors = embedders.names.map(ofEmbedder);
        const shown = data.slice(0, MODELS_MAX - vectors.length);
        return json(200, { object: "list", data: [...shown, ...vectors] });
      },
    }),
    defineRoute({
      summary: "Read an agent, team or embedder as a model",
      description:
        "By its id as a model, e.g. `agent:ag_...`; with the header `anthropic-version` as Anthropic's protocol has it.",
      responses: answers(200, Type.Union([modelSchema, anthropicModelSchema]), "The model."),
      parameters: { id: { description: "`agent:<agent_key>`, `team:<id>` or `embedder:<name>`." } },
      method: "GET",
      pattern: "/v1/models/{id}",
      service: "models",
      errors: "openai",
      handler: async ({ principal, params, request }) => {
        const model = params["id"] ?? "";
        const embedder = embedderOfModel(model);
        if (embedder !== null && embedders.names.includes(embedder)) {
          return json(200, ofEmbedder(embedder));
        }
        const id = targetOfModel(model);
        if (id === null) {
          throw new RuntimeError("NOT_FOUND", `The model ${model.slice(0, 80)} does not exist.`);
        }
        const { tenant } = principal;
        const found = id.startsWith("tm_")
          ? ofTeam(await teams.get(tenant, id))
          : ofAgent(await agents.get(tenant, id));
        if (!speaksAnthropic(request)) return json(200, found);
        const { anthropicModel } = await import("../anthropic/models.ts");
        return json(200, anthropicModel(found));
      },
    }),
  ];
}

/** Everything that a list has, as far as one response goes. */
async function all<T>(list: (page: PageRequest) => Promise<Page<T>>): Promise<readonly T[]> {
  const rows: T[] = [];
  let after: string | undefined;
  while (rows.length < MODELS_MAX) {
    const page = await list({ limit: PAGE_MAX, ...(after === undefined ? {} : { after }) });
    rows.push(...page.items);
    if (page.next === null) break;
    after = page.next;
  }
  return rows;
}

function ofAgent({ agent }: AgentRow): Shape {
  return shape({ ...agent, id: agent.agent_key });
}

function ofTeam({ record }: ResourceRow<TeamInput>): Shape {
  return shape(record);
}

function ofEmbedder(name: string): Shape {
  return {
    id: modelOfEmbedder(name),
    object: "model",
    created: 0,
    owned_by: "troupe",
    name,
    description: "Gives vectors of texts: POST /v1/embeddings.",
  };
}

interface Shape {
  readonly id: string;
  readonly object: "model";
  /** Seconds since the epoch. */
  readonly created: number;
  readonly owned_by: string;
  readonly name: string;
  readonly description: string | null;
}

function shape(of: {
  readonly id: string;
  readonly name: string;
  readonly description?: string | null;
  readonly created_at: string;
}): Shape {
  return {
    id: modelOf(of.id),
    object: "model",
    created: Math.floor(Date.parse(of.created_at) / 1000),
    owned_by: "troupe",
    name: of.name,
    description: of.description ?? null,
  };
}
