// The columns of the matrix: for a route and the request that succeeds, the requests that must be
// refused, and how. Made from the table of routes, so that a new route has them at once.

import { Ajv2020 } from "ajv/dist/2020.js";
import { keyRoles } from "../../../actors/records/api-key.ts";
import type { TSchema } from "../../../actors/schema.ts";
import { may, permissionOf } from "../../../adapters/http/permissions.ts";
import type { Route } from "../../../adapters/http/route.ts";
import { reachOf } from "../../../adapters/http/scope/route-reach.ts";
import { isServers } from "./is-servers.ts";
import type { Cannot, Fields, Refusal, Row } from "./row.ts";
import type { Sent } from "./sent.ts";
import type { World } from "./world.ts";

/** A route with its row and the request that succeeds. */
export interface Asked {
  readonly world: World;
  readonly route: Route;
  readonly row: Row;
  readonly good: Sent;
}

type Cases = readonly Refusal[] | Cannot;

const PUBLIC: Cannot = "cannot: it asks for no key";

/** Nobody without a key of this server. */
export function withoutKey({ route }: Asked): Cases {
  if (route.isPublic) return PUBLIC;
  const refused = { status: 401, code: "UNAUTHENTICATED" } as const;
  return [
    { what: "no key", ...refused, sent: (good) => ({ ...good, key: "" }) },
    { what: "a wrong key", ...refused, sent: (good) => ({ ...good, key: "troupe_wrong" }) },
  ];
}

/** Nobody whose key has not the service. */
export function withoutScope({ world, route }: Asked): Cases {
  if (route.isPublic) return PUBLIC;
  const refused = { status: 403, code: "FORBIDDEN" } as const;
  const by = (what: string, key: () => Promise<string>): Refusal => ({
    ...{ what, ...refused },
    sent: async (good) => ({ ...good, key: await key() }),
  });
  return [by("a key without the service", () => world.keyWithout(route.service))];
}

/** A request of who may call it that goes no further than the door: it finds nothing, or is no JSON. */
function knocking({ route, good }: Asked): Sent {
  const params = Object.fromEntries(
    Object.entries(good.params ?? {}).map(([name, value]) => [name, unknownAs(value)]),
  );
  return {
    ...(route.query === undefined ? {} : { query: "nobody=1" }),
    ...(route.body === undefined ? {} : { body: "{" }),
    params,
  };
}

/** Every status but those of the door. */
const letIn = Array.from({ length: 400 }, (_, at) => 200 + at).filter(
  (status) => status !== 401 && status !== 403 && status < 500,
);

/** Each role of a tenant, as the table of permissions says. */
export function byRole(asked: Asked): Cases {
  const { world, route } = asked;
  if (route.isPublic) return PUBLIC;
  const permission = permissionOf(route);
  return keyRoles.map((role): Refusal => {
    const isLetIn = may({ isServer: false, role }, permission);
    return {
      what: `the role ${role}`,
      ...(isLetIn ? { status: letIn } : { status: 403, code: "FORBIDDEN" }),
      sent: async () => ({ ...knocking(asked), key: await world.keyOf(role) }),
    };
  });
}

/** What a body or a query names of the tenant's own. */
export function idsOf({ world, good }: Pick<Asked, "world" | "good">): readonly string[] {
  const text = `${JSON.stringify(good.body) ?? ""} ${good.query ?? ""}`;
  return [...world.ids].filter((id) => text.includes(id));
}

const hasParts = ({ pattern }: Route): boolean => pattern.includes("{");

/** Another tenant is answered as if there were no such thing. Lists: see the test. */
export function ofAnother(asked: Asked): Cases {
  const { world, route, row } = asked;
  if (route.isPublic) return PUBLIC;
  if (isServers(route)) return "cannot: the operator sees every tenant";
  const sent = (of: Sent): Sent => ({ ...of, key: world.host.otherKey });
  if (typeof row.foreign === "string") return row.foreign;
  if (row.foreign !== undefined) {
    return [{ what: "another tenant", status: row.foreign.status, sent }];
  }
  if (hasParts(route)) {
    return [{ what: "another tenant", status: 404, code: "NOT_FOUND", sent }];
  }
  if (route.method === "GET") return [{ what: "another tenant", status: [200, 404], sent }];
  if (idsOf(asked).length === 0) return "cannot: it names no record that is there";
  return [{ what: "another tenant", status: [400, 404], sent }];
}

/** A key that reaches one other record of each kind is answered as if there were no such thing. */
export function beyondReach(asked: Asked): Cases {
  const { world, route } = asked;
  if (route.isPublic) return PUBLIC;
  if (isServers(route)) return "cannot: the operator's key reaches everything";
  const what = "a key that reaches other records";
  const sent = async (of: Sent): Promise<Sent> => ({ ...of, key: await world.limitedKey() });
  const reach = reachOf(route);
  if (reach === null || reach.creates !== undefined) {
    return [{ what, status: 403, code: "FORBIDDEN", sent }];
  }
  if (hasParts(route)) return [{ what, status: 404, code: "NOT_FOUND", sent }];
  if (route.method === "GET") return [{ what, status: [200, 400, 404], sent }];
  if (idsOf(asked).length === 0) return "cannot: it names no record that is there";
  return [{ what, status: [400, 404], sent }];
}

/** Of the same form, and never made. */
function unknownAs(value: string): string {
  if (/^\d+$/.test(value)) return "999999";
  const made = value.replace(/([a-z]{2}_)[0-9a-z]{26}$/, `$1${"0".repeat(26)}`);
  return made === value ? "none" : made;
}

/** What is not there, each part of the path in turn. */
export function unknown(asked: Asked): Cases {
  const { route, row, good } = asked;
  const parts = Object.entries(good.params ?? {}).filter(
    ([name]) => !(row.free ?? []).includes(name),
  );
  const refused = { status: 404, code: "NOT_FOUND" } as const;
  const inPath = parts.flatMap(([name, value]) =>
    [unknownAs(value), "x", "%00", "../x"].map((wrong): Refusal => {
      const sent = (of: Sent): Sent => ({ ...of, params: { ...of.params, [name]: wrong } });
      return { what: `${name} = ${wrong}`, ...refused, sent };
    }),
  );
  const inBody = hasParts(route) || route.method === "GET" ? [] : idsOf(asked);
  const all = [...inPath, ...(row.missing ?? inBody.map(withoutRecord))];
  if (all.length > 0) return all;
  return hasParts(route) ? "cannot: any id may be sent" : "cannot: it names no record";
}

/** Another id in its place. */
function withoutRecord(id: string): Refusal {
  const other = unknownAs(id);
  return {
    ...{ what: `${other} for ${id}`, status: [400, 404] },
    sent: ({ body, query, ...rest }) => ({
      ...rest,
      ...(query !== undefined && { query: query.replaceAll(id, other) }),
      ...(body !== undefined && { body: JSON.stringify(body).replaceAll(id, other) }),
    }),
  };
}

/** Values that no parameter of the name takes. */
const wrongQueries: Readonly<Record<string, readonly string[]>> = {
  limit: ["0", "1001", "many"],
  cursor: ["x", "bm9uZQ"],
  sort: ["nobody"],
  wait: ["maybe"],
  from: ["soon"],
  to: ["soon"],
  agent_version: ["x"],
  status: ["odd"],
  state: ["odd"],
  root: ["a b"],
  kind: ["A kind!"],
};

/** A kind of channel is any text: one that nobody has finds nothing. */
const hasOwnWords = ({ pattern }: Route, name: string): boolean =>
  pattern === "/v2/channels" && name === "kind";

/** What is wrong in the query, the headers or the body. */
export function wrong(asked: Asked, routes: readonly Route[]): Cases {
  const { route, row } = asked;
  const all = [
    ...wrongParameters(route),
    ...wrongHeaders(route),
    ...wrongBodies(asked, routes),
    ...(row.wrong ?? []),
  ];
  return all.length > 0 ? all : "cannot: it reads nothing but its path";
}

function wrongParameters(route: Route): readonly Refusal[] {
  const { query, ignoresOtherQuery = false } = route;
  if (query === undefined) return [];
  const adding = (name: string, value: string) => (good: Sent) => {
    const more = new URLSearchParams(good.query ?? "");
    more.set(name, value);
    return { ...good, query: more.toString() };
  };
  const unknownOne: Refusal = {
    ...{ what: "an unknown parameter", status: 400, code: "UNKNOWN_FIELD", parameter: "nobody" },
    sent: adding("nobody", "1"),
  };
  return [
    ...(ignoresOtherQuery ? [] : [unknownOne]),
    ...query.flatMap((name) =>
      (hasOwnWords(route, name) ? [] : (wrongQueries[name] ?? [])).map(
        (value): Refusal => ({
          ...{ what: `?${name}=${value}`, status: 400, code: "INVALID", parameter: name },
          sent: adding(name, value),
        }),
      ),
    ),
  ];
}

function wrongHeaders({ reads = [] }: Route): readonly Refusal[] {
  const keys = reads.includes("Idempotency-Key") ? ["", "k".repeat(300)] : [];
  return keys.map((key) => ({
    what: `an Idempotency-Key of ${key.length} characters`,
    ...{ status: 400, code: "INVALID" },
    sent: (good) => ({ ...good, headers: { ...good.headers, "Idempotency-Key": key } }),
  }));
}

interface ObjectSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly minProperties?: number;
}

function wrongBodies({ route, good }: Asked, routes: readonly Route[]): readonly Refusal[] {
  const { body, method, optionalBody, accepts } = route;
  // What else a form has to say, tests of its page tell.
  const takesJson = accepts === undefined || "application/json" in accepts;
  if (body === undefined || !takesJson) return [];
  const refused = { status: 400 } as const;
  const as = (what: string, value: unknown, more: Partial<Refusal> = {}): Refusal => ({
    ...{ what, ...refused, ...more },
    sent: (of) => ({ ...of, body: value }),
  });
  const text = JSON.stringify(good.body ?? {});
  const unread = [
    as("half a body", text.slice(0, -1), { code: "BAD_JSON" }),
    as("no JSON", "name=x", { code: "BAD_JSON" }),
    {
      ...as("a body of another type", text, { code: "INVALID" }),
      sent: (of: Sent) => ({ ...of, body: text, headers: { "Content-Type": "text/plain" } }),
    },
    ...(optionalBody ? [] : [as("no body", "", { code: "INVALID", pointer: "" })]),
  ];
  if (body === "raw") return unread;
  const schema = schemaOf(route, body, routes);
  if (schema.type !== "object") return unread;
  const fields = (good.body ?? {}) as Fields;
  const { required = [], properties = {}, additionalProperties, minProperties } = schema;
  const isWhole = method !== "PATCH" || schema === body;
  return [
    ...unread,
    ...[[], "text", null].map((value) =>
      as(`${JSON.stringify(value)} for an object`, JSON.stringify(value), { pointer: "" }),
    ),
    ...(minProperties === undefined ? [] : [as("an empty object", {}, { pointer: "" })]),
    ...(additionalProperties === false
      ? [
          as(
            "an unknown field",
            { ...fields, nobody: 1 },
            {
              ...{ code: "UNKNOWN_FIELD", pointer: "/nobody" },
            },
          ),
        ]
      : []),
    ...(isWhole ? required : []).map((name) => {
      const { [name]: _, ...rest } = fields;
      return as(`no ${name}`, rest, { pointer: `/${name}` });
    }),
    ...Object.entries(properties).flatMap(([name, of]) => {
      const value = misfit(of);
      if (value === undefined) return [];
      return [
        as(`${name} of a wrong type`, { ...fields, [name]: value }, { pointer: `/${name}*` }),
      ];
    }),
  ];
}

/** Of a merge patch of any fields: that of the whole record, which its creation takes. */
function schemaOf(route: Route, body: TSchema, routes: readonly Route[]): ObjectSchema {
  if (route.method !== "PATCH" || "properties" in body) return body;
  const list = route.pattern.slice(0, route.pattern.lastIndexOf("/"));
  const create = routes.find(({ method, pattern }) => method === "POST" && pattern === list);
  return create?.body === undefined || create.body === "raw" ? body : create.body;
}

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const values = [true, 7, "", [[1]], { nobody: { at: 1 } }, "no such word"] as const;
/** By the text of the schema: many routes take the same fields. */
const misfits = new Map<string, unknown>();

/** A value that does not fit; undefined when all do. */
function misfit(schema: TSchema): unknown {
  const text = JSON.stringify(schema);
  if (misfits.has(text)) return misfits.get(text);
  const fits = ajv.compile(schema);
  const value = values.find((one) => !fits(one));
  misfits.set(text, value);
  return value;
}

/** What was changed since, before the good request is answered. */
export function stale({ route }: Asked): readonly Refusal[] {
  if (!(route.reads ?? []).includes("If-Match")) return [];
  return ['"999"', "nonsense"].map((tag) => ({
    what: `If-Match: ${tag}`,
    ...{ status: 412, code: "REVISION_MISMATCH" },
    sent: (good) => ({ ...good, headers: { ...good.headers, "If-Match": tag } }),
  }));
}

/** Under which the good request is sent. */
export const onceKey = ({ method, pattern }: Route): string => `matrix ${method} ${pattern}`;

/** What stands in the way once the good request was answered. */
export function conflicts(asked: Asked): Cases {
  const { route, row } = asked;
  const { method, reads = [] } = route;
  if (typeof row.conflict === "string") return row.conflict;
  const reused: readonly Refusal[] = reads.includes("Idempotency-Key")
    ? [
        {
          ...{ what: "another body under the same key", status: 422, code: "KEY_REUSED" },
          sent: (good) => ({
            ...good,
            body: `${JSON.stringify(good.body ?? {})} `,
            headers: { ...good.headers, "Idempotency-Key": onceKey(route) },
          }),
        },
      ]
    : [];
  const all = [...reused, ...(row.conflict ?? [])];
  if (all.length > 0 || stale(asked).length > 0) return all;
  return method === "GET" ? "cannot: it changes nothing" : [];
}
