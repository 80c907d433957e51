// The API's description: it is OpenAPI 3.1 as the standard's own schema and a linter have it, every
// route is in it, and what it says of bodies is what the routes take.

import { createConfig, lintFromString } from "@redocly/openapi-core";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createComponents } from "../../../adapters/http/openapi/components.ts";
import type { OpenApiDocument } from "../../../adapters/http/openapi/document.ts";
import { named } from "../../../adapters/http/openapi/named.ts";
import { operationIdOf } from "../../../adapters/http/openapi/operation-id.ts";
import type { Route } from "../../../adapters/http/route.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { resourceSamples } from "../../support/resource-samples.ts";

let host: HttpHost;
let document: OpenApiDocument;

beforeAll(async () => {
  host = await startHttpHost();
  document = (await host.call("GET", "/openapi.json", undefined, { key: "" })).body;
});
afterAll(() => host.stop());

const nameOf = ({ method, pattern }: Route): string => `${method} ${pattern}`;
const operationOf = ({ method, pattern }: Route) => document.paths[pattern]?.[method.toLowerCase()];

describe("the document", () => {
  test("is OpenAPI 3.1 by the standard's own schema", async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));

    expect(result).toMatchObject({ valid: true });
    expect(document.openapi).toBe("3.1.1");
  });

  test("has nothing that Redocly's recommended rules find", async () => {
    const config = await createConfig({
      extends: ["recommended"],
      // A literal segment wins over a named one here, so that /v2/memories/export is no {me}.
      rules: { "no-ambiguous-paths": "off" },
    });
    const problems = await lintFromString({ source: JSON.stringify(document), config });

    expect(
      problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]),
    ).toEqual([]);
  });

  test("has every route, each under a name of its own", () => {
    const missing = host.routes.filter((route) => operationOf(route) === undefined).map(nameOf);
    const ids = host.routes.map(operationIdOf);

    expect(missing).toEqual([]);
    expect(new Set(ids).size).toBe(host.routes.length);
  });

  test("names operations as a person would", () => {
    const idOf = (method: string, pattern: string) =>
      document.paths[pattern]?.[method]?.operationId;

    expect(idOf("get", "/v2/teams")).toBe("listTeams");
    expect(idOf("post", "/v2/teams")).toBe("createTeam");
    expect(idOf("put", "/v2/teams/{id}")).toBe("replaceTeam");
    expect(idOf("post", "/v2/teams/{id}/versions/{n}/rollback")).toBe("rollbackTeamVersion");
    expect(idOf("post", "/v2/runs/{rn}/cancel")).toBe("cancelRun");
    expect(idOf("post", "/v2/agents/{id}/runs")).toBe("createAgentRun");
    expect(idOf("post", "/v1/messages/count_tokens")).toBe("countMessageTokens");
  });

  test("says which keys and headers a route looks at", () => {
    const create = document.paths["/v2/teams"]?.["post"];
    const change = document.paths["/v2/teams/{id}"]?.["patch"];
    const named = (operation: typeof create) => operation?.parameters.map((one) => one["name"]);

    expect(document.security).toEqual([{ apiKey: [] }, { bearer: [] }]);
    expect(document.paths["/openapi.json"]?.["get"]?.["security"]).toEqual([]);
    expect(named(create)).toEqual(["Idempotency-Key"]);
    expect(named(change)).toEqual(["id", "If-Match"]);
    expect(named(document.paths["/v2/teams"]?.["get"])).toContain("cursor");
  });

  test("says errors in the style of their surface", () => {
    const errorOf = (path: string, method: string) =>
      document.paths[path]?.[method]?.responses["400"]?.["$ref"];

    expect(errorOf("/v2/teams", "get")).toBe("#/components/responses/Problem-400");
    expect(errorOf("/v1/proxy/core-agents", "get")).toBe("#/components/responses/Envelope-400");
    expect(errorOf("/v1/messages", "post")).toBe("#/components/responses/Anthropic-400");
    expect(errorOf("/v1/chat/completions", "post")).toBe("#/components/responses/OpenAI-400");
  });

  test("says of every route what it answers and every body that it reads", () => {
    const silent = host.routes.filter(({ responses }) => responses === undefined);
    const unread = host.routes.filter(
      (route) => route.body !== undefined && operationOf(route)?.["requestBody"] === undefined,
    );

    expect(silent.map(nameOf)).toEqual([]);
    expect(unread.map(nameOf)).toEqual([]);
  });

  test("says of every operation what it does, beside its name", () => {
    const operations = host.routes.map((route) => ({ name: nameOf(route), ...operationOf(route) }));
    const textOf = (of: object, word: "summary" | "description") =>
      String((of as Record<string, unknown>)[word] ?? "");
    const nameless = operations.filter((one) => textOf(one, "summary") === one.operationId);
    const silent = operations.filter(
      (one) => textOf(one, "description").length <= textOf(one, "summary").length,
    );

    expect(nameless.map(({ name }) => name)).toEqual([]);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test("is sent again only when it has changed", async () => {
    const first = await fetch(`${host.url}/openapi.json`);
    const tag = first.headers.get("etag") ?? "";
    const again = await fetch(`${host.url}/openapi.json`, { headers: { "If-None-Match": tag } });

    expect(tag).toMatch(/^"\S{22}"$/);
    expect(again.status).toBe(304);
  });
});

describe("bodies", () => {
  const bodySchema = (path: string): object => {
    const body = document.paths[path]?.["post"]?.["requestBody"] as {
      readonly content: Readonly<Record<string, { readonly schema: object }>>;
    };
    return body.content["application/json"]?.schema ?? { not: {} };
  };
  const checker = (path: string) => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    return ajv.compile({ allOf: [bodySchema(path)], components: document.components });
  };

  test.each(Object.entries(resourceSamples))(
    "that make %s fit the document, and those with an unknown field do not",
    async (path, sample) => {
      const { one, other } = await sample(host);
      const fits = checker(`/v2/${path}`);

      expect([fits(one), fits(other), fits({ ...one, nobody: 1 })]).toEqual([true, true, false]);
    },
  );
});

describe("components", () => {
  test("are written once, and a name is of one schema", () => {
    const schema = named("ThingOfATest", { type: "object", properties: { a: { type: "string" } } });
    const components = createComponents();
    const reference = { $ref: "#/components/schemas/ThingOfATest" };

    expect(components.write({ type: "array", items: schema })).toEqual({
      type: "array",
      items: reference,
    });
    expect(components.write(schema)).toEqual(reference);
    expect(Object.keys(components.schemas())).toEqual(["ThingOfATest"]);
    expect(() => components.write(named("ThingOfATest", { type: "null" }))).toThrow(/Two schemas/);
  });
});
