// The product as it is started describes itself: every route of its own is in the document, and what
// it answers is what is described.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { beforeAll, expect, test } from "vitest";
import { packageVersion } from "../../adapters/cli/version.ts";
import type { OpenApiDocument } from "../../adapters/http/openapi/document.ts";
import { createDocumentContract } from "../support/api-contract.ts";
import { type RunningServer, startServer } from "../support/running-server.ts";

const adminKey = "a-key-for-the-operator-of-a-test";
let server: RunningServer;
let document: OpenApiDocument;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-described-"));
  server = await startServer({ TROUPE_DATA: folder, TROUPE_ADMIN_KEY: adminKey });
  document = JSON.parse(await (await fetch(`${server.url}/openapi.json`)).text());
  return async () => {
    await server.end();
    rmSync(folder, { recursive: true, force: true });
  };
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

test("the running product describes its routes and shows the page", async () => {
  const page = await fetch(`${server.url}/docs`);

  const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
  expect(result.errors).toBeUndefined();
  expect(result.valid).toBe(true);
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(["/", "/login", "/metrics", "/v2/models", "/admin/providers", "/docs"]),
  );
  expect(document.info["version"]).toBe(await packageVersion());
  expect(await page.text()).toContain('id="listTeams"');
});

test("every route says what it answers when nothing is wrong", () => {
  const silent = operations().filter(({ operation }) =>
    // What stands there for a route without responses.
    Object.entries(operation.responses).some(
      ([status, { content, description }]) =>
        status === "200" && content === undefined && description === "Done.",
    ),
  );

  expect(silent.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

test("what can be read without an id is answered as described", async () => {
  const contract = createDocumentContract(document);
  const paths = operations()
    .filter(({ method, path }) => method === "get" && !path.includes("{"))
    .map(({ path }) => path);

  for (const path of paths) {
    const query = path === "/admin/runtime/tree" ? "?root=x&tenant=tn_default" : "";
    const response = await fetch(`${server.url}${path}${query}`, {
      headers: { "X-API-Key": adminKey },
      redirect: "manual",
    });
    const { status, headers } = response;
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(headers.get("content-type") ?? "");
    contract.check("GET", path, { status, headers, body: isJson ? JSON.parse(text) : text });
  }
  expect(paths).toEqual(
    expect.arrayContaining(["/admin/runtime", "/admin/providers", "/v2/models", "/console/info"]),
  );
});
