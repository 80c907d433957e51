// Routes of a kind of resource: /v2/<path> and what is below it.

import type { ResourceKind, ResourceRow } from "../../../actors/records/resource.ts";
import { onlyOfPath, reaches } from "../../../actors/records/resource-scope.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers, nothing, pageOf, shownRecord, time } from "../openapi/responses.ts";
import { etag, ifMatchOf, pageReply } from "../platform/shapes.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { callerOf } from "../services/caller.ts";
import { listQuery, listRequest } from "../services/listing.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import { versionNumber } from "../services/version-page.ts";
import type { Resources } from "./kinds.ts";
import { fieldsOf, type ResourceService, type ResourceVersion } from "./resource-service.ts";
import { titleOf } from "./resource-store.ts";

type Fields = Readonly<Record<string, unknown>>;

const errors = "problem";
/** A merge patch: what it makes of the record is checked as the record is. */
const patchBody = Type.Record(Type.String(), Type.Unknown());

/** The routes that all kinds have. */
export function kindRoutes({ kinds }: Resources): readonly Route[] {
  // Each takes what its own schema lets through, which the types of several kinds cannot say at once.
  const services = Object.values(kinds) as readonly unknown[] as readonly ResourceService<Fields>[];
  return services.flatMap((service) => resourceRoutes(service));
}

/** All routes of a kind. */
export function resourceRoutes<Input extends object>(
  service: ResourceService<Input>,
  shapes: Shapes = shapesOf(service.kind),
): readonly Route[] {
  return [
    ...listRoutes(service, shapes),
    ...recordRoutes(service, shapes),
    ...usersRoute(service),
    ...versionRoutes(service, shapes),
  ];
}

/** The schemas of a kind: what is sent, and what is shown. */
export interface Shapes {
  readonly input: TSchema;
  readonly record: TSchema;
}

function shapesOf(kind: Pick<ResourceKind<object>, "name" | "prefix" | "input">): Shapes {
  const { name, prefix } = kind;
  const title = titleOf(kind);
  const id = Type.String({
    pattern: `^${prefix}_[A-Za-z0-9]{1,61}$`,
    description: `Id of a ${name}.`,
  });
  return {
    input: named(`${title}Input`, settable(kind)),
    record: named(title, shownRecord(kind.input, { id })),
  };
}

const closed = { additionalProperties: false } as const;
const user = named(
  "RecordUser",
  Type.Object({ id: Type.String(), kind: Type.String(), name: Type.String() }, closed),
);
const versionEntry = named(
  "RecordVersion",
  Type.Object(
    {
      version: Type.Integer({ minimum: 1 }),
      created_at: time,
      reason: Type.String(),
      restored_from: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
      is_current: Type.Boolean(),
    },
    closed,
  ),
);

/** A record as it is shown: every field, unset ones null. */
export function resourceView<Input extends object>(
  kind: ResourceKind<Input>,
  { record }: ResourceRow<Input>,
): Fields {
  const { id, version, created_at, updated_at } = record;
  const fields = (kind.shown?.(record) ?? record) as Fields;
  const shown = fieldsOf(kind).map((name) => [name, fields[name] ?? null]);
  return { id, ...Object.fromEntries(shown), version, created_at, updated_at };
}

function listRoutes<Input extends object>(
  service: ResourceService<Input>,
  { input, record }: Shapes,
): readonly Route[] {
  const { kind } = service;
  const pattern = `/v2/${kind.path}`;
  const common = { service: kind.path, errors, pattern } as const;
  return [
    defineRoute({
      ...common,
      method: "GET",
      summary: `List ${kind.path}`,
      description:
        "By the fields that are parameters here, by words (`q`) and in an order (`sort`). A cursor is of its own filters and order.",
      query: listQuery(service.listing),
      responses: answers(200, pageOf(record), `A page of ${kind.path}.`),
      handler: ({ principal: { tenant, allowedResources }, query }) => {
        const only = onlyOfPath(allowedResources, kind.path);
        const make = async (): Promise<HttpResponse> => {
          const request = { ...listRequest(query, pattern, service.listing), only };
          const page = await service.list(tenant, request);
          return pageReply(request.list, page, (row) => resourceView(kind, row));
        };
        if (only !== undefined) return make();
        return service.bodies.page(
          { tenant, table: service.listing.table },
          query.toString(),
          make,
        );
      },
    }),
    defineRoute({
      ...common,
      method: "POST",
      summary: `Create a ${kind.name}`,
      description:
        "What it names has to exist; what is wrong is a 400 with its pointer. With an `Idempotency-Key` a repeated request creates nothing and has the first one's answer.",
      reads: ["Idempotency-Key"],
      body: input,
      responses: answers(201, record, `The ${kind.name}.`, ["ETag", "Location"]),
      handler: async (context) => {
        const key = onceKeyOf(context.request, context.bodyBytes);
        const row = await service.create(callerOf(context), context.body as Input, key);
        const location = { Location: `${pattern}/${row.record.id}` };
        return json(201, resourceView(kind, row), { ...etag(row.version), ...location });
      },
    }),
  ];
}

function recordRoutes<Input extends object>(
  service: ResourceService<Input>,
  { input, record }: Shapes,
): readonly Route[] {
  const { kind } = service;
  const common = { service: kind.path, errors, pattern: `/v2/${kind.path}/{id}` } as const;
  const responses = answers(200, record, `The ${kind.name}.`, ["ETag"]);
  const shown = (row: ResourceRow<Input>) => json(200, resourceView(kind, row), etag(row.version));
  return [
    defineRoute({
      ...common,
      method: "GET",
      summary: `Read a ${kind.name}`,
      description: "As it is now, unset fields null; its `ETag` is for `If-Match` of a change.",
      responses,
      handler: ({ principal: { tenant }, params }) =>
        service.bodies.record({ tenant, table: service.listing.table }, idOf(params), async () =>
          shown(await service.get(tenant, idOf(params))),
        ),
    }),
    defineRoute({
      ...common,
      method: "PUT",
      summary: `Replace a ${kind.name}`,
      description: "What is not sent has its default again. The change is a new version.",
      reads: ["If-Match"],
      body: input,
      responses,
      handler: async (context) => {
        const [caller, id, ifMatch] = changeOf(context);
        return shown(await service.replace(caller, id, context.body as Input, ifMatch));
      },
    }),
    defineRoute({
      ...common,
      method: "PATCH",
      summary: `Change some fields of a ${kind.name}`,
      description: "A merge patch (RFC 7396). The change is a new version.",
      reads: ["If-Match"],
      body: patchBody,
      responses,
      handler: async (context) => {
        const [caller, id, ifMatch] = changeOf(context);
        return shown(await service.patch(caller, id, context.body, ifMatch));
      },
    }),
    defineRoute({
      ...common,
      method: "DELETE",
      summary: `Delete a ${kind.name}`,
      description: "Refused while other records name it. Runs that were started with it finish.",
      reads: ["If-Match"],
      responses: nothing,
      handler: async (context) => {
        await service.remove(...changeOf(context));
        return noContent();
      },
    }),
  ];
}

function usersRoute<Input extends object>(service: ResourceService<Input>): readonly Route[] {
  const { kind } = service;
  return [
    defineRoute({
      service: kind.path,
      errors,
      method: "GET",
      pattern: `/v2/${kind.path}/{id}/used-by`,
      summary: `List the records that name a ${kind.name}`,
      description: "What a deletion would be refused for: the list has one page.",
      responses: answers(200, pageOf(user), "All of them."),
      handler: async ({ principal, params }) => {
        const users = await service.usedBy(principal.tenant, idOf(params));
        const seen = users.filter(({ id }) => reaches(principal.allowedResources, id));
        const data = seen.map(({ id, kind: of, name }) => ({ id, kind: of, name }));
        return json(200, { data, next_cursor: null });
      },
    }),
  ];
}

function versionRoutes<Input extends object>(
  service: ResourceService<Input>,
  { record }: Shapes,
): readonly Route[] {
  const { kind } = service;
  const list = `/v2/${kind.path}/{id}/versions`;
  const common = { service: kind.path, errors } as const;
  const responses = answers(200, record, `The ${kind.name}.`, ["ETag"]);
  return [
    defineRoute({
      ...common,
      pattern: list,
      method: "GET",
      summary: `List the versions of a ${kind.name}`,
      description: "Every change makes one. Those that are kept: the newest, and those in use.",
      query: pageQuery,
      responses: answers(200, pageOf(versionEntry), "A page of versions, the newest first."),
      handler: async ({ principal, params, query }) => {
        const page = pageRequest(query, list);
        return pageReply(list, await service.versions(principal.tenant, idOf(params), page), item);
      },
    }),
    defineRoute({
      ...common,
      pattern: `${list}/{n}`,
      method: "GET",
      summary: `Read a ${kind.name} at a version`,
      description: "As it was. A version that is not kept is a 404.",
      responses,
      handler: async ({ principal, params }) => {
        const number = versionNumber(params["n"] ?? "");
        const row = await service.version(principal.tenant, idOf(params), number);
        return json(200, resourceView(kind, row), etag(row.version));
      },
    }),
    defineRoute({
      ...common,
      pattern: `${list}/{n}/rollback`,
      method: "POST",
      summary: `Make an earlier version of a ${kind.name} the newest`,
      description:
        "A new version with the fields of the old one, which is checked as if it were sent now. Runs under way finish on theirs.",
      reads: ["If-Match"],
      responses,
      handler: async (context) => {
        const number = versionNumber(context.params["n"] ?? "");
        const [caller, id, ifMatch] = changeOf(context);
        const row = await service.rollback(caller, id, number, ifMatch);
        return json(200, resourceView(kind, row), etag(row.version));
      },
    }),
  ];
}

function item({ version, at, reason, restored, isCurrent }: ResourceVersion): Fields {
  return {
    version,
    created_at: at,
    reason,
    restored_from: restored ?? null,
    is_current: isCurrent,
  };
}

type Params = Readonly<Record<string, string>>;
const idOf = (params: Params): string => params["id"] ?? "";

/** Who changes which record, from which version. */
function changeOf(
  context: Parameters<typeof callerOf>[0] & {
    readonly params: Params;
    readonly request: Parameters<typeof ifMatchOf>[0];
  },
): [ReturnType<typeof callerOf>, string, number | null] {
  return [callerOf(context), idOf(context.params), ifMatchOf(context.request)];
}

/** The schema of a whole record as it is sent: what is optional may be null, which unsets it. */
function settable({ input }: Pick<ResourceKind<object>, "input">): TSchema {
  const { properties, required = [] } = input as {
    readonly properties: Readonly<Record<string, TSchema>>;
    readonly required?: readonly string[];
  };
  const all = Object.entries(properties).map(([name, schema]) => [
    name,
    required.includes(name) ? schema : Type.Union([schema, Type.Null()]),
  ]);
  return { ...input, properties: Object.fromEntries(all) };
}
