// Holds a front door to its own description: every answer is compared with what /openapi.json says of
// its route and status, and every event of a stream. What is described nowhere is refused too.

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { type OpenApiDocument, openApiDocument } from "../../adapters/http/openapi/document.ts";
import {
  createRouteTable,
  defineRoute,
  type Method,
  type Route,
} from "../../adapters/http/route.ts";
import type { WireEvent } from "./wire-client.ts";

/** An answer as it came. */
export interface SeenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Compares answers with a description. */
export interface ApiContract {
  /** @throws Error naming the route and what is wrong with the answer. */
  check(method: string, path: string, answer: SeenAnswer): void;
  /** @throws Error naming the route and what is wrong with an event of its stream. */
  checkEvent(method: string, path: string, event: WireEvent): void;
}

const PLACE = "#/components/schemas/";
const SHARED = "openapi:/schemas/";

type Content = Readonly<Record<string, { readonly schema: object }>>;

/** The contract of a table. */
export function createApiContract(routes: readonly Route[]): ApiContract {
  return createDocumentContract(openApiDocument(routes, { version: "0.0.0" }));
}

/** The contract that a document is. */
export function createDocumentContract({ paths, components }: OpenApiDocument): ApiContract {
  const table = createRouteTable(routesOf(paths));
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  for (const [name, schema] of Object.entries(components.schemas)) {
    ajv.addSchema(addressed(schema as object), SHARED + name);
  }
  const checkers = new Map<string, ValidateFunction>();
  const shared = components.responses as Readonly<Record<string, { readonly content: Content }>>;
  const hold = (key: string, schema: object, value: unknown): void => {
    const fits = checkers.get(key) ?? ajv.compile(addressed(schema));
    checkers.set(key, fits);
    if (fits(value)) return;
    throw new Error(`${key} is not what is described: ${wrongOf(fits)}`);
  };
  const matched = (method: string, path: string) => {
    const match = table.match(method, path.split("?", 1)[0] ?? "");
    if (match.type !== "route") return undefined;
    const { route } = match;
    const said = paths[route.pattern]?.[route.method.toLowerCase()]?.responses ?? {};
    return { name: `${route.method} ${route.pattern}`, said };
  };
  return {
    check: (method, path, { status, headers, body }) => {
      const route = matched(method, path);
      if (route === undefined) return;
      const { name, said } = route;
      const which = status in said || status < 400 ? String(status) : "default";
      const found = said[which];
      if (found === undefined)
        throw new Error(`${name} answered ${status}, which is not described.`);
      const { $ref } = found as { readonly $ref?: string };
      const { content } = $ref === undefined ? found : (shared[$ref.split("/").at(-1) ?? ""] ?? {});
      const type = headers.get("content-type")?.split(";", 1)[0] ?? "";
      const schema = (content as Content | undefined)?.[type]?.schema;
      if (schema !== undefined) return hold(`${name} ${which} ${type}`, schema, body);
      if ((body === null || body === "") && content === undefined) return;
      throw new Error(
        `${name} answered ${status} with ${type || "no body"}, which is not described.`,
      );
    },
    checkEvent: (method, path, event) => {
      const route = matched(method, path);
      const content = route?.said["200"]?.["content"] as Content | undefined;
      const stream = content?.["text/event-stream"]?.schema as StreamSchema | undefined;
      if (route === undefined) return;
      if (stream?.contentSchema === undefined)
        throw new Error(`${route.name} streamed, which is not described.`);
      const name = `${route.name} event ${event.event ?? "message"}`;
      const { items } = stream.contentSchema;
      const known = ("anyOf" in items ? items.anyOf : [items]).filter(
        ({ properties }) => properties.event?.const === nameOf(event),
      );
      if (known.length === 0) throw new Error(`${name} is not described.`);
      const written = Object.fromEntries(Object.entries(event).filter(([, one]) => one !== null));
      const problems = known.flatMap((schema, at) => {
        try {
          hold(`${name} ${at}`, schema, written);
          const data = schema.properties.data.contentSchema;
          if (data !== undefined) hold(`${name} ${at} data`, data, JSON.parse(event.data));
          return [];
        } catch (error) {
          return [(error as Error).message];
        }
      });
      if (problems.length === known.length) throw new Error(problems.join(" "));
    },
  };
}

/**
 * What names a shared schema by its place in the document names it by an address of its own: it is
 * compiled once, and the whole document not again for each answer.
 */
function addressed(schema: object): object {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === "$ref" && typeof value === "string" ? value.replace(PLACE, SHARED) : value,
  );
}

/** As adapters/http/openapi/event-streams.ts writes them. */
interface StreamSchema {
  readonly contentSchema?: {
    readonly items: EventSchema | { readonly anyOf: readonly EventSchema[] };
  };
}

interface EventSchema {
  readonly properties: {
    readonly event?: { readonly const: string };
    readonly data: { readonly contentSchema?: object };
  };
}

const nameOf = ({ event }: WireEvent): string | undefined => event ?? undefined;

/** The table that a document is of: for finding what a path is of. */
function routesOf(paths: OpenApiDocument["paths"]): readonly Route[] {
  return Object.entries(paths).flatMap(([pattern, methods]) =>
    Object.keys(methods).map((method) =>
      defineRoute({
        ...{ method: method.toUpperCase() as Method, pattern, service: "any", errors: "problem" },
        permission: "models.read",
        handler: () => ({ status: 204, body: "" }),
      }),
    ),
  );
}

function wrongOf({ errors }: ValidateFunction): string {
  const wrong = (errors ?? [])
    .slice(0, 5)
    .map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  return wrong.join("; ");
}
