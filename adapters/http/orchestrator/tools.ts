// GET /agents/v1/tools: what an agent's `tools` may name.

import { toolTypes } from "../../../actors/records/tool.ts";
import { Type } from "../../../actors/schema.ts";
import { answers, orNull, pageOf as pageSchema } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { ORCHESTRATED_BY } from "../services/orchestrated-by.ts";
import { cursorOf, pageOf, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";

const path = "/agents/v1/tools";
const text = Type.String();
const tool = Type.Object(
  {
    name: Type.String({ description: "As `tools` of an agent name it." }),
    id: orNull(text),
    type: text,
    description: orNull(text),
    permissions: Type.Array(text, {
      description: "What its calls may do where an agent says nothing else.",
    }),
  },
  { additionalProperties: false },
);

/** The route. */
export function toolsRoute({ resources }: Pick<Services, "resources">): Route {
  return defineRoute({
    service: ORCHESTRATED_BY,
    errors: "problem",
    permission: "resources.read",
    method: "GET",
    pattern: path,
    summary: "List tools that agents may have",
    description:
      "The built-in types, then the tenant's records of /v2/tools. Files of the server's folder of tools are named `custom.` and their name.",
    query: pageQuery,
    responses: answers(200, pageSchema(tool), "A page of tools."),
    handler: async ({ principal: { tenant }, query }) => {
      const { builtinTools } = await import("../../../actors/tools/tool-types.ts");
      const { limit, after = "" } = pageRequest(query, path);
      const isBehindTypes = after.startsWith("tl_");
      const types = [...toolTypes].sort().filter((name) => !isBehindTypes && name > after);
      const page = { limit, ...(isBehindTypes && { after }) };
      const records = await resources.kinds.tools.list(tenant, {
        page,
        list: path,
        question: null,
      });
      const rows = [
        ...types.map((type) => ({
          ...builtinTools[type],
          name: type,
          id: null,
          description: null,
        })),
        ...records.items.map(({ record }) => {
          const { name, id, type, description = null, permissions } = record;
          const { needs, granted = needs } = builtinTools[type];
          return { name, id, type, description, needs, granted: permissions ?? granted };
        }),
      ];
      const shown = pageOf(rows, limit, {
        id: ({ id, name }) => id ?? name,
        item: ({ name, id, type, description, needs, granted = needs }) => {
          return { name, id, type, description, permissions: granted };
        },
      });
      const next = rows.length > limit ? shown.next : records.next;
      return json(200, { data: shown.items, next_cursor: cursorOf(path, { next }) });
    },
  });
}
