// /v2/agents/{id}/versions and /canary: which versions are kept, one of them in full, a draft, going
// back at once, and a share of the conversations on another version.

import { agentInput, canaryInput } from "../../../actors/records/agent.ts";
import { Type } from "../../../actors/schema.ts";
import { answers, pageOf } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { VersionItem } from "../services/agent-versions.ts";
import { callerOf } from "../services/caller.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { versionNumber } from "../services/version-page.ts";
import { agentSchema, agentVersionEntry, agentVersionSchema } from "./agent-schemas.ts";
import { agentResource, etag, ifMatchOf, pageReply, subAgentResource } from "./shapes.ts";

const common = { service: "agents", errors: "problem" } as const;
const list = "/v2/agents/{id}/versions";
const canary = "/v2/agents/{id}/canary";
const draftBody = Type.Partial(agentInput, { additionalProperties: false, minProperties: 1 });

/** Routes of versions. */
export function versionRoutes(services: Services): readonly Route[] {
  return [...readRoutes(services), ...makeRoutes(services), ...canaryRoutes(services)];
}

function readRoutes({ versions }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List the versions of an agent",
      description: "Those that are kept: the newest 200, and those in use.",
      responses: answers(200, pageOf(agentVersionEntry), "A page of versions, the newest first."),
      ...common,
      method: "GET",
      pattern: list,
      query: pageQuery,
      handler: async ({ principal, params, query }) => {
        const page = pageRequest(query, list);
        const versionsOf = await versions.list(principal.tenant, idOf(params), page);
        return pageReply(list, versionsOf, versionItem);
      },
    }),
    defineRoute({
      summary: "Read an agent at a version",
      description:
        "As it was, with its sub-agents in `sub_agent_records`. A version that is not kept is a 404.",
      responses: answers(200, agentVersionSchema, "The agent with its sub-agents.", ["ETag"]),
      ...common,
      method: "GET",
      pattern: `${list}/{n}`,
      handler: async ({ principal, params }) => {
        const { tenant } = principal;
        const { row, subAgents } = await versions.get(
          tenant,
          idOf(params),
          versionNumber(params["n"] ?? ""),
        );
        const more = { sub_agent_records: subAgents.map(subAgentResource) };
        return json(200, { ...agentResource(row), ...more }, etag(row.version));
      },
    }),
  ];
}

function makeRoutes({ versions }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Save a version that does not answer yet",
      description:
        "A draft: the agent as it is now with some fields changed. It answers nobody until it is a canary or is rolled back to. Costs what a change costs.",
      responses: answers(201, agentSchema, "The version.", ["ETag", "Location"]),
      reads: ["If-Match"],
      ...common,
      method: "POST",
      pattern: list,
      body: draftBody,
      handler: async (context) => {
        const { params, body, request } = context;
        const row = await versions.draft(callerOf(context), idOf(params), body, ifMatchOf(request));
        const location = { Location: `/v2/agents/${idOf(params)}/versions/${row.version}` };
        return json(201, agentResource(row), { ...etag(row.version), ...location });
      },
    }),
    defineRoute({
      summary: "Make an earlier version of an agent the newest",
      description:
        "A new version with the fields and sub-agents of the old one and without a canary; it answers from the next message on. Also how a draft is taken. Costs nothing.",
      responses: answers(200, agentSchema, "The agent.", ["ETag"]),
      reads: ["If-Match"],
      ...common,
      method: "POST",
      pattern: `${list}/{n}/rollback`,
      handler: async (context) => {
        const { params, request } = context;
        const [id, version] = [idOf(params), versionNumber(params["n"] ?? "")];
        const row = await versions.rollback(callerOf(context), id, version, ifMatchOf(request));
        return json(200, agentResource(row), etag(row.version));
      },
    }),
  ];
}

function canaryRoutes({ versions }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Let a version answer a share of conversations",
      description:
        "A conversation always gets the same one of the two versions, and keeps the canary when its share grows. One at a time: another one takes its place. Costs nothing.",
      responses: answers(200, agentSchema, "The agent.", ["ETag"]),
      reads: ["If-Match"],
      ...common,
      method: "PUT",
      pattern: canary,
      body: canaryInput,
      handler: async (context) => {
        const { params, body, request } = context;
        const row = await versions.canary(
          ...([callerOf(context), idOf(params), body, ifMatchOf(request)] as const),
        );
        return json(200, agentResource(row), etag(row.version));
      },
    }),
    defineRoute({
      summary: "End the trial of a version",
      description:
        "All conversations are answered by the current version from the next message on. Costs nothing.",
      responses: answers(200, agentSchema, "The agent.", ["ETag"]),
      reads: ["If-Match"],
      ...common,
      method: "DELETE",
      pattern: canary,
      handler: async (context) => {
        const { params, request } = context;
        const row = await versions.canary(
          ...([callerOf(context), idOf(params), null, ifMatchOf(request)] as const),
        );
        return json(200, agentResource(row), etag(row.version));
      },
    }),
    defineRoute({
      summary: "Let the version on trial answer everybody",
      description: "The canary becomes the newest version. Without one it is a 409. Costs nothing.",
      responses: answers(200, agentSchema, "The agent.", ["ETag"]),
      reads: ["If-Match"],
      ...common,
      method: "POST",
      pattern: `${canary}/promote`,
      handler: async (context) => {
        const { params, request } = context;
        const row = await versions.promote(callerOf(context), idOf(params), ifMatchOf(request));
        return json(200, agentResource(row), etag(row.version));
      },
    }),
  ];
}

function versionItem(item: VersionItem): Readonly<Record<string, unknown>> {
  const { version, at, reason, restored, isCurrent, canaryShare } = item;
  return {
    version,
    created_at: at,
    reason,
    restored_from: restored ?? null,
    is_current: isCurrent,
    canary_share: canaryShare,
  };
}

const idOf = (params: Readonly<Record<string, string>>): string => params["id"] ?? "";
