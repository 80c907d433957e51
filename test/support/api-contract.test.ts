// The check that holds the door's answers to their description: it refuses what differs.

import { expect, test } from "vitest";
import { Type } from "../../actors/schema.ts";
import { answers, nothing } from "../../adapters/http/openapi/responses.ts";
import { defineRoute } from "../../adapters/http/route.ts";
import { createApiContract } from "./api-contract.ts";

const common = {
  service: "things",
  permission: "models.read",
  errors: "problem",
  handler: () => ({ status: 204, body: "" }),
} as const;
const thing = Type.Object({ id: Type.String() }, { additionalProperties: false });
const contract = createApiContract([
  defineRoute({
    ...common,
    method: "GET",
    pattern: "/v2/things/{id}",
    responses: answers(200, thing, "The thing."),
  }),
  defineRoute({
    ...common,
    method: "DELETE",
    pattern: "/v2/things/{id}",
    responses: nothing,
  }),
]);
const json = new Headers({ "Content-Type": "application/json; charset=utf-8" });
const seen =
  (method: string, status: number, body: unknown, headers = json) =>
  () =>
    contract.check(method, "/v2/things/a?x=1", { status, headers, body });

test("an answer as described passes", () => {
  expect(seen("GET", 200, { id: "a" })).not.toThrow();
  expect(seen("DELETE", 204, null, new Headers())).not.toThrow();
});

test("an answer with another body, status or type is refused, and says why", () => {
  expect(seen("GET", 200, { id: 1 })).toThrow(/\/id must be string/);
  expect(seen("GET", 200, { id: "a", more: 1 })).toThrow(/"more"/);
  expect(seen("GET", 201, { id: "a" })).toThrow(/201, which is not described/);
  expect(seen("GET", 200, "a", new Headers({ "Content-Type": "text/plain" }))).toThrow(
    /text\/plain/,
  );
  expect(seen("DELETE", 204, { id: "a" })).toThrow(/not described/);
});

test("an error is held to the style of its route", () => {
  const problem = new Headers({ "Content-Type": "application/problem+json" });

  expect(seen("GET", 404, { error: "gone" }, problem)).toThrow(/Problem|required/);
  expect(seen("GET", 418, { error: "gone" }, problem)).toThrow(/default/);
});
