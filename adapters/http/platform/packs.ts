// /v2/packs: records of all kinds in one file, applied as one.

import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Applied } from "../../packs/pack-service.ts";
import type { PackRow } from "../../packs/records.ts";
import { packRequest } from "../../packs/schemas.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { appliedSchema, exportedSchema, packSchema, planSchema } from "./pack-schemas.ts";
import { pageReply } from "./shapes.ts";

const common = { service: "packs", errors: "problem" } as const;
const path = "/v2/packs";
/** A file, and the files beside it, as JSON. */
const BODY_BYTES_MAX = 16 * 1_024 * 1_024;
const closed = { additionalProperties: false } as const;

const rollbackInput = Type.Object(
  {
    /** Default: the version before. */
    version: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Of records that have to be made again; those that are there keep what they have. */
    secrets: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  closed,
);

const exportInput = Type.Object(
  {
    pack: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" }),
    /** Records; what they name comes with them. */
    ids: Type.Array(Type.String({ minLength: 4, maxLength: 64 }), { minItems: 1, maxItems: 400 }),
  },
  closed,
);

/** Routes of packs. */
export function packRoutes(services: Services): readonly Route[] {
  return [...applyRoutes(services), ...packRecordRoutes(services), ...exportRoutes(services)];
}

function applyRoutes({ packs }: Services): readonly Route[] {
  return [
    defineRoute({
      ...common,
      summary: "Plan a pack",
      description:
        "What an apply would do, field by field; what others have changed since the last one (`drift`) is shown, and is overwritten by an apply. Stores nothing. All that is wrong with the file comes at once, as `problems` with lines and columns. A secret is never shown.",
      responses: answers(200, planSchema, "The plan."),
      method: "POST",
      pattern: `${path}/plan`,
      body: packRequest,
      bodyBytesMax: BODY_BYTES_MAX,
      sideEffects: false,
      handler: async (context) =>
        json(200, await (await packs()).plan(callerOf(context), context.body)),
    }),
    defineRoute({
      ...common,
      summary: "Apply a pack",
      description:
        "All of it or nothing: its records are one transaction; documents are taken in before it, and put back when it fails or the server dies. Found again by the pack's name and their keys, so that the same pack applied again changes nothing. With the plan's `revision` in `If-Match` what was planned is applied, or nothing (412). Agents cost what they cost one by one.",
      responses: {
        ...answers(200, appliedSchema, "Applied.", ["ETag"]),
        ...answers(201, appliedSchema, "Applied for the first time.", ["ETag", "Location"]),
      },
      reads: ["If-Match"],
      method: "POST",
      pattern: path,
      body: packRequest,
      bodyBytesMax: BODY_BYTES_MAX,
      handler: async (context) => {
        const revision = revisionOf(context);
        const applied = await (await packs()).apply(callerOf(context), context.body, revision);
        return appliedReply(applied, applied.plan.pack_id === null ? 201 : 200);
      },
    }),
    defineRoute({
      ...common,
      summary: "Go back to an earlier version of a pack",
      description:
        "Applies it again as it was, the one before unless `version` says which of the kept ones; that is a new version. Secrets are not kept with versions: records that are there keep theirs.",
      responses: answers(200, appliedSchema, "Applied.", ["ETag"]),
      reads: ["If-Match"],
      method: "POST",
      pattern: `${path}/{pk}/rollback`,
      body: rollbackInput,
      optionalBody: true,
      handler: async (context) => {
        const { version, secrets = {} } = context.body;
        const how = { to: version ?? null, secrets, revision: revisionOf(context) };
        const id = context.params["pk"] ?? "";
        return appliedReply(await (await packs()).rollback(callerOf(context), id, how), 200);
      },
    }),
  ];
}

function packRecordRoutes({ packs }: Services): readonly Route[] {
  return [
    defineRoute({
      ...common,
      summary: "List packs",
      description: "In order of their first apply.",
      responses: answers(200, pageOf(packSchema), "A page of packs."),
      method: "GET",
      pattern: path,
      query: pageQuery,
      handler: async ({ principal, query }) => {
        const page = pageRequest(query, path);
        return pageReply(path, await (await packs()).list(principal.tenant, page), packView);
      },
    }),
    defineRoute({
      ...common,
      summary: "Read a pack",
      description:
        "The records that it made, by their names in it, and the versions that are kept.",
      responses: answers(200, packSchema, "The pack."),
      method: "GET",
      pattern: `${path}/{pk}`,
      handler: async ({ principal, params }) =>
        json(200, packView(await (await packs()).get(principal.tenant, params["pk"] ?? ""))),
    }),
    defineRoute({
      ...common,
      summary: "Uninstall a pack",
      description:
        "Removes every record that it made, with documents and memories; refused while others name one of them.",
      responses: nothing,
      method: "DELETE",
      pattern: `${path}/{pk}`,
      handler: async (context) => {
        await (await packs()).remove(callerOf(context), context.params["pk"] ?? "");
        return noContent();
      },
    }),
  ];
}

function exportRoutes({ packs }: Services): readonly Route[] {
  return [
    defineRoute({
      ...common,
      summary: "Export a pack",
      description:
        "Its records as they are now as YAML that applies elsewhere: names in place of ids, documents with their texts, no secret.",
      responses: answers(200, exportedSchema, "The file."),
      method: "GET",
      pattern: `${path}/{pk}/export`,
      handler: async (context) => {
        const pack = context.params["pk"] ?? "";
        return json(200, await (await packs()).export(callerOf(context), { pack }));
      },
    }),
    defineRoute({
      ...common,
      summary: "Export records as a pack",
      description: "As a pack is exported: the records named by `ids`, and all that they name.",
      responses: answers(200, exportedSchema, "The file."),
      method: "POST",
      pattern: `${path}/export`,
      body: exportInput,
      sideEffects: false,
      handler: async (context) => {
        const { pack: name, ids } = context.body;
        return json(200, await (await packs()).export(callerOf(context), { name, ids }));
      },
    }),
  ];
}

function appliedReply({ plan, row }: Applied, status: 200 | 201) {
  const headers = {
    ETag: `"${row.version}"`,
    ...(status === 201 && { Location: `${path}/${row.id}` }),
  };
  return json(status, { pack: packView(row), plan }, headers);
}

/** A pack as it is shown. */
function packView(row: PackRow): object {
  const { id, name, label, description, version, versions, objects, created_at, updated_at } = row;
  return {
    ...{ id, name, label, description, version },
    versions: versions.map(({ at, restored, ...one }) => {
      return { ...one, applied_at: at, restored_from: restored };
    }),
    objects: Object.entries(objects).map(([key, { section, id: record, parts }]) => {
      return { name: key, kind: section, id: record, parts };
    }),
    ...{ created_at, updated_at },
  };
}

/** The revision of a plan that `If-Match` names; null when there is none. */
function revisionOf({ request }: Pick<RouteContext, "request">): string | null {
  const header = request.header("if-match");
  if (header === undefined || header === "*") return null;
  const [, revision] = /^(?:W\/)?"([0-9a-f]{32})"$/.exec(header.trim()) ?? [];
  if (revision !== undefined) return revision;
  throw new RuntimeError("REVISION_MISMATCH", "If-Match must be the revision of a plan.");
}
