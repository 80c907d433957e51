// Attacks on tools that are made from OpenAPI documents: of whoever wrote the document, and of a model that fills in
// the arguments. A document is refused with the place at fault; a request goes where it was meant to, or nowhere.

import { describe, expect, test } from "vitest";
import type { ApiOperation } from "../../../actors/openapi/api.ts";
import { apiRequest } from "../../../actors/openapi/request.ts";
import {
  bombOf,
  documentOf,
  oneOperation,
  operationOf,
  refusalOf,
  tooLong,
} from "../../support/open-api.ts";

const text = { type: "string" };
const parameter = (where: string, more: object = {}) => ({
  ...{ name: "id", in: where, required: true, schema: text },
  ...more,
});
const inPath = { path: "/things/{id}" };
const bomb = bombOf(16);
const ring = { A: { $ref: "#/components/schemas/B" }, B: { $ref: "#/components/schemas/A" } };
const query = (schema: object) => ({ parameters: [parameter("query", { schema })] });
let deep: object = text;
for (let level = 0; level < 60; level += 1) deep = { type: "array", items: deep };

describe("a document is refused, and where", () => {
  test.each([
    ["of another version", { ...documentOf({}), openapi: "2.0" }, "/openapi: "],
    ["that is too long", tooLong, ": It is no JSON, and a document in YAML has at most"],
    ["that is no JSON and no YAML", "openapi: [", ": Line 1, column"],
    ["whose aliases unfold without end", aliases(), ": The document cannot be read"],
    [
      "whose schemas unfold to 65,536 parts",
      oneOperation(query({ $ref: bomb.first }), { components: { schemas: bomb.schemas } }),
      "unfold to more than 2000 parts",
    ],
    ["whose schemas are too deep", oneOperation(query(deep)), "levels deep"],
    [
      "that names a file",
      oneOperation(query({ $ref: "file:///etc/passwd" })),
      "/paths/~1things/get/parameters/0/schema/$ref: Only references within",
    ],
    [
      "that names another address",
      oneOperation({ parameters: [{ $ref: "https://evil.example/p.json" }] }),
      "/paths/~1things/get/parameters/0/$ref: Only references within",
    ],
    [
      "that names what every object has",
      oneOperation({ parameters: [{ $ref: "#/constructor" }] }),
      "names what is not there",
    ],
    [
      "whose parameters name each other in a ring",
      oneOperation(
        { parameters: [{ $ref: "#/components/parameters/A" }] },
        {
          components: {
            parameters: {
              A: { $ref: "#/components/parameters/B" },
              B: { $ref: "#/components/parameters/A" },
            },
          },
        },
      ),
      "in a ring",
    ],
    [
      "whose parameter is the name of a prototype",
      oneOperation({ parameters: [parameter("query", { name: "__proto__" })] }),
      "/paths/~1things/get/parameters/0/name",
    ],
    [
      "whose header's name ends its line",
      oneOperation({ parameters: [parameter("header", { name: "x\r\nhost: evil" })] }),
      "is no name of a header",
    ],
    [
      "whose key goes into the host",
      oneOperation(
        { security: [{ key: [] }] },
        {
          components: { securitySchemes: { key: { type: "apiKey", in: "header", name: "Host" } } },
        },
      ),
      "/components/securitySchemes/key/name",
    ],
    [
      "whose server has credentials",
      oneOperation({}, { servers: [{ url: "https://me:pass@shop.example" }] }),
      "/servers: ",
    ],
    [
      "whose server is a file",
      oneOperation({}, { servers: [{ url: "file:///etc" }] }),
      "/servers: ",
    ],
    ["without a server", oneOperation({}, { servers: [] }), "/servers: "],
    ["with a path without its parameter", oneOperation({}, inPath), "has no parameter"],
  ])("%s", async (_what, document, why) => {
    expect(await refusalOf(document)).toContain(why);
  });

  test("of elsewhere that sends to another host, unless the record says so", async () => {
    const url = "https://docs.example/openapi.json";
    const document = oneOperation({}, { servers: [{ url: "https://evil.example" }] });
    expect(await refusalOf(document, { url })).toContain("sends to evil.example");
    const server = "https://api.example/v2";
    expect((await operationOf(document, { url, server })).server).toBe(server);
    expect((await operationOf(oneOperation({}, { servers: [] }), { url })).server).toBe(
      "https://docs.example",
    );
  });

  test("operations that nobody named are not there", async () => {
    const paths = {
      "/a": { get: { operationId: "one" }, delete: { operationId: "gone" } },
      "/a/b": { get: {} },
    };
    expect(await refusalOf(documentOf(paths), { operations: ["one", "two"] })).toBe(
      'config/operations/1: The document has no operation "two".',
    );
    const named = async (...operations: string[]): Promise<readonly string[]> => {
      const { readOf } = await import("../../support/open-api.ts");
      const read = await readOf(documentOf(paths), { operations });
      return read.ok ? read.api.operations.map(({ name }) => name) : [read.message];
    };
    expect(await named("GET /**")).toEqual(["one", "get_a_b"]);
    expect(await named("* /*")).toEqual(["one", "gone"]);
  });

  test("a schema that leads back to itself is offered open there, hidden text is taken out", async () => {
    const node = { type: "object", properties: { next: { $ref: "#/components/schemas/Node" } } };
    const schemas = { ...ring, Node: node };
    const one = await operationOf(
      oneOperation(
        { ...query({ $ref: "#/components/schemas/Node" }), summary: "See\u{E0041}\u200B it." },
        {
          components: { schemas },
        },
      ),
    );
    expect(one.description).toBe("[shop.example] See it.");
    expect(one.parameters["properties"]).toMatchObject({
      id: { type: "object", properties: { next: {} } },
    });
  });
});

/** A billion laughs. */
function aliases(): string {
  const lines = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let at = 1; at < 12; at += 1) {
    lines.push(`b${at}: &a${at} [${Array.from({ length: 10 }, () => `*a${at - 1}`).join(", ")}]`);
  }
  return lines.join("\n");
}

const send = (one: ApiOperation, given: object) =>
  apiRequest(one, given as Readonly<Record<string, unknown>>, "part-mark");
const pathOf = async (id: unknown, more: object = {}): Promise<string> =>
  send(await operationOf(oneOperation({ parameters: [parameter("path", more)] }, inPath)), { id })
    .url;

describe("what a model writes stays the part that it was meant for", () => {
  test.each([
    ["../admin", "..%2Fadmin"],
    ["..%2fadmin", "..%252fadmin"],
    ["a/b?c=d#e", "a%2Fb%3Fc%3Dd%23e"],
    ["\\..\\admin", "%5C..%5Cadmin"],
    ["a\r\nHost: evil", "a%0D%0AHost%3A%20evil"],
    ["@evil.example", "%40evil.example"],
    [["a", "../b"], "a,..%2Fb"],
    [7, "7"],
  ])("%j in a path is one part of it", async (id, written) => {
    expect(await pathOf(id)).toBe(`https://shop.example/v1/things/${written}`);
  });

  test.each([[".."], ["."], [""], [[]], [["a", ".."]]])("%j in a path is refused", async (id) => {
    await expect(pathOf(id)).rejects.toMatchObject({ code: "INVALID" });
  });

  test("labels and matrices lead nowhere else", async () => {
    expect(await pathOf("a", { style: "label" })).toBe("https://shop.example/v1/things/.a");
    expect(await pathOf(["a", "b"], { style: "matrix", explode: true })).toBe(
      "https://shop.example/v1/things/;id=a;id=b",
    );
    await expect(pathOf(".", { style: "label" })).rejects.toMatchObject({ code: "INVALID" });
  });

  test.each([
    [parameter("query"), "a&b=c#d", "id=a%26b%3Dc%23d"],
    [parameter("query"), ["a", "b"], "id=a&id=b"],
    [parameter("query", { explode: false }), ["a,b", "c"], "id=a%2Cb,c"],
    [parameter("query", { style: "pipeDelimited", explode: false }), ["a", "b"], "id=a%7Cb"],
    [
      parameter("query", { style: "deepObject" }),
      { a: "1", "b]&c": "2" },
      "id%5Ba%5D=1&id%5Bb%5D%26c%5D=2",
    ],
    [parameter("query"), { a: "1", "b&c": "2" }, "a=1&b%26c=2"],
  ])("in a query it is a pair of its own", async (one, id, written) => {
    const operation = await operationOf(oneOperation({ parameters: [one] }));
    expect(send(operation, { id }).url).toBe(`https://shop.example/v1/things?${written}`);
  });

  test("a header is one line, and those of the connection and of credentials are nobody's", async () => {
    const names = ["X-Own", "Authorization", "Cookie", "Host", "Idempotency-Key", "Content-Length"];
    const parameters = names.map((name) => parameter("header", { name, required: false }));
    const operation = await operationOf(oneOperation({ parameters }));
    expect(operation.given.map(({ name }) => name)).toEqual(["X-Own"]);
    expect(send(operation, { "X-Own": "fine" }).headers).toEqual({ "x-own": "fine" });
    for (const value of ["a\r\nHost: evil", "a\nb", "a\u0000b", "x".repeat(5_000)]) {
      expect(() => send(operation, { "X-Own": value })).toThrow("one line");
    }
  });

  test("a cookie ends at no semicolon", async () => {
    const operation = await operationOf(oneOperation({ parameters: [parameter("cookie")] }));
    expect(send(operation, { id: "a; admin=1" }).headers).toEqual({
      cookie: "id=a%3B%20admin%3D1",
    });
  });

  test("a field of a form ends at no line, at no quote and at no mark between parts", async () => {
    const bodyOf = async (type: string) =>
      await operationOf(
        oneOperation(
          { requestBody: { content: { [type]: { schema: { type: "object" } } } } },
          { method: "post" },
        ),
      );
    const parts = await bodyOf("multipart/form-data");
    const { body } = send(parts, { body: { 'a"\r\nX: y': "1", b: { c: 2 } } });
    expect(body).toContain('form-data; name="a%22%0D%0AX: y"\r\n\r\n1\r\n');
    expect(body).toContain('name="b"\r\nContent-Type: application/json\r\n\r\n{"c":2}');
    expect(() => send(parts, { body: { a: "--part-mark" } })).toThrow("mark");
    const form = await bodyOf("application/x-www-form-urlencoded");
    expect(send(form, { body: { "a&b": "c=d", e: ["f", "g"] } }).body).toBe("a%26b=c%3Dd&e=f&e=g");
    expect(() => send(form, { body: "a=b" })).toThrow("A form is an object");
    const json = await bodyOf("application/vnd.shop+json");
    expect(send(json, { body: { a: 1 } })).toMatchObject({
      ...{ body: '{"a":1}', headers: { "content-type": "application/vnd.shop+json" } },
    });
    expect(() => send(json, { body: "x".repeat(70_000) })).toThrow("at most");
  });
});
