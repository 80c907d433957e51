// The OpenAPI 3.1 description of the API, made of the route table: what validates bodies is what is
// described, and a route that is not in the table is not in the document.

import { permissionOf, permissions } from "../permissions.ts";
import type { Route, RouteResponse } from "../route.ts";
import { type Components, createComponents, type Json } from "./components.ts";
import { errorResponses, sharedErrorResponses } from "./errors.ts";
import { operationIdOf } from "./operation-id.ts";
import { parametersOf } from "./parameters.ts";

/** An OpenAPI document. */
export interface OpenApiDocument {
  readonly openapi: "3.1.1";
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly security: readonly Json[];
  readonly tags: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Json; readonly responses: Json } & Json;
}

/** One operation of a document. */
export type Operation = Json & {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Json[];
  readonly responses: Readonly<Record<string, Json>>;
};

/** Describes a table. @throws Error when two schemas or two operations have one name. */
export function openApiDocument(
  routes: readonly Route[],
  about: { readonly version: string },
): OpenApiDocument {
  const describing = describe(routes, about);
  for (;;) {
    const { done, value } = describing.next();
    if (done === true) return value;
  }
}

/** The same step by step: whoever takes the steps may do something else between two of them. */
export function* describe(
  routes: readonly Route[],
  { version }: { readonly version: string },
): Generator<void, OpenApiDocument, void> {
  const components = createComponents();
  const paths: Record<string, Record<string, Operation>> = {};
  const ids = new Set<string>();
  const errors = new Set<string>();
  for (const route of routes) {
    const operation = operationOf(route, components, errors);
    if (ids.has(operation.operationId)) throw new Error(`Two routes are ${operation.operationId}.`);
    ids.add(operation.operationId);
    paths[route.pattern] = { ...paths[route.pattern], [route.method.toLowerCase()]: operation };
    yield;
  }
  const responses = sharedErrorResponses(components, errors);
  const tags = [...new Set(routes.map(({ service }) => service))].sort();
  return {
    openapi: "3.1.1",
    info: {
      title: "Troupe",
      version,
      summary: "The server on which a company runs its LLM agents.",
      description: "Agents, teams and workflows, their runs, knowledge and memories.",
      contact: { name: "Troupe" },
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ apiKey: [] }, { bearer: [] }],
    tags: tags.map((name) => ({ name, description: `Service \`${name}\` of API keys.` })),
    paths,
    components: {
      schemas: components.schemas(),
      responses,
      securitySchemes: {
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
        bearer: { type: "http", scheme: "bearer" },
      },
    },
  };
}

function operationOf(route: Route, components: Components, errors: Set<string>): Operation {
  const operationId = operationIdOf(route);
  const text = descriptionOf(route);
  return {
    operationId,
    tags: [route.service],
    summary: route.summary ?? operationId,
    ...(text === "" ? {} : { description: text }),
    ...(route.isPublic ? { security: [] } : {}),
    parameters: parametersOf(route),
    ...bodyOf(route, components),
    responses: { ...successes(route, components), ...errorResponses(route, errors) },
  };
}

function descriptionOf(route: Route): string {
  const { description, isPublic } = route;
  return [
    ...(description === undefined ? [] : [description]),
    ...(isPublic ? [] : [whoMay(route)]),
  ].join("\n\n");
}

function whoMay(route: Route): string {
  const permission = permissionOf(route);
  const { least } = permissions[permission];
  const who =
    least === "server" ? "which the server's admin key has alone" : `of roles from \`${least}\` on`;
  return `Needs the permission \`${permission}\`, ${who}.`;
}

function bodyOf({ accepts, body, method, optionalBody }: Route, components: Components): Json {
  const isMerge = method === "PATCH" ? ["application/merge-patch+json"] : [];
  const types = ["application/json", ...isMerge].map((type) => [type, body] as const);
  const all = accepts === undefined ? types : Object.entries(accepts);
  const content = all.flatMap(([type, schema]) =>
    schema === undefined || typeof schema === "string"
      ? []
      : [[type, { schema: components.write(schema) }]],
  );
  if (content.length === 0) return {};
  return { requestBody: { required: !optionalBody, content: Object.fromEntries(content) } };
}

function successes({ responses }: Route, components: Components): Readonly<Record<string, Json>> {
  if (responses === undefined) return { 200: { description: "Done." } };
  return Object.fromEntries(
    Object.entries(responses).map(([status, one]) => [status, responseOf(one, components)]),
  );
}

const headerTexts = { ETag: "The version, for If-Match.", Location: "Where it is." } as const;

function responseOf(response: RouteResponse, components: Components): Json {
  const { description, content, headers = [] } = response;
  const told = headers.map((name) => [
    name,
    { description: headerTexts[name], schema: { type: "string" } },
  ]);
  if (content === undefined) return { description, headers: Object.fromEntries(told) };
  const bodies = Object.entries(content).map(([type, schema]) => [
    type,
    { schema: components.write(schema) },
  ]);
  return { description, headers: Object.fromEntries(told), content: Object.fromEntries(bodies) };
}
