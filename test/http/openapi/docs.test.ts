// The page at /docs: it is whole by itself, and says every operation.

import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openApiDocument } from "../../../adapters/http/openapi/document.ts";
import { operationIdOf } from "../../../adapters/http/openapi/operation-id.ts";
import { docsPage } from "../../../adapters/http/openapi/page.ts";
import { defineRoute } from "../../../adapters/http/route.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let response: Response;
let html: string;

beforeAll(async () => {
  host = await startHttpHost();
  response = await fetch(`${host.url}/docs`);
  html = await response.text();
});
afterAll(() => host.stop());

test("every operation is on the page, under its name and with a line for the shell", () => {
  const missing = host.routes
    .filter((route) => !html.includes(`id="${operationIdOf(route)}"`))
    .map(({ method, pattern }) => `${method} ${pattern}`);

  expect(response.status).toBe(200);
  expect(missing).toEqual([]);
  expect(html.match(/<pre>curl/g)).toHaveLength(host.routes.length);
  expect(html).toContain("curl -X POST &quot;$TROUPE_URL/v2/teams&quot;");
  expect(html).toContain('href="#schema-TeamInput"');
  expect(html).toContain('id="schema-TeamInput"');
});

test("the page loads nothing, and its policy lets its own style through alone", () => {
  const style = /<style>(.*?)<\/style>/s.exec(html)?.[1] ?? "";
  const digest = createHash("sha256").update(style).digest("base64");

  expect(response.headers.get("content-security-policy")).toContain(`style-src 'sha256-${digest}'`);
  expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(html).not.toMatch(/<script|<link|<img|src=|style=|https?:\/\//);
});

test("every link of the page leads somewhere", () => {
  const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);

  expect(links.filter((id) => !ids.has(id))).toEqual([]);
});

test("what a route says is text, never markup", () => {
  const route = defineRoute({
    method: "GET",
    pattern: "/v2/things",
    summary: "<script>alert('x')</script>",
    service: "a<b",
    permission: "models.read",
    errors: "problem",
    handler: () => ({ status: 204, body: "" }),
  });
  const page = [...docsPage(openApiDocument([route], { version: "<b>" }))].join("");

  expect(page).not.toMatch(/<script|<b>|a<b/);
  expect(page).toContain("&lt;script&gt;alert(&#39;x&#39;)");
});
