// GET /openapi.json and /docs: the description of the API, for programs and for people, made of the
// routes when it is first asked for.

import { createHash } from "node:crypto";
import { Type } from "../../../actors/schema.ts";
import { defineRoute, type Route } from "../route.ts";
import type { HttpRequest, HttpResponse } from "../server.ts";
import type { OpenApiDocument } from "./document.ts";
import { answers } from "./responses.ts";

/** A text with the tag by which a client keeps it. */
interface Page {
  readonly body: Uint8Array;
  readonly tag: string;
}

/** What the description is made of. */
export interface DescribedApi {
  version(): Promise<string>;
  /** The whole table, with the routes of this file. */
  routes(): readonly Route[];
}

const unchanged = { 304: { description: "It is as If-None-Match has it." } } as const;

/** Routes that describe the API. They are public: what is described is no secret. */
export function openApiRoutes(api: DescribedApi): readonly Route[] {
  const common = { service: "openapi", errors: "problem", isPublic: true, query: [] } as const;
  const text = kept(async () => {
    const { joined, jsonPieces, takeSteps } = await import("./made-aside.ts");
    return takeSteps(joined(jsonPieces(await documentOf(api))));
  });
  const page = kept(async () => {
    const [{ docsPage }, { joined, takeSteps }] = await Promise.all([
      import("./page.ts"),
      import("./made-aside.ts"),
    ]);
    return takeSteps(joined(docsPage(await documentOf(api))));
  });
  return [
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/openapi.json",
      summary: "The description of this API in OpenAPI 3.1",
      description:
        "Made of the routes and schemas that answer and validate. Keep it by its ETag: it changes with the server's version alone.",
      responses: {
        ...answers(200, Type.Record(Type.String(), Type.Unknown()), "The document.", ["ETag"]),
        ...unchanged,
      },
      handler: async ({ request }) =>
        send(request, await text(), "application/json; charset=utf-8"),
    }),
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/docs",
      summary: "The description of this API as a page",
      description: "The same for people, whole by itself: the page loads nothing.",
      responses: {
        200: { description: "The page.", content: { "text/html": Type.String() } },
        ...unchanged,
      },
      handler: async ({ request }) => {
        const { docsPolicy } = await import("./page.ts");
        return send(request, await page(), "text/html; charset=utf-8", {
          "Content-Security-Policy": docsPolicy,
          "X-Content-Type-Options": "nosniff",
          "Referrer-Policy": "no-referrer",
        });
      },
    }),
  ];
}

async function documentOf(api: DescribedApi): Promise<OpenApiDocument> {
  // No start waits for it.
  const [{ describe }, { takeSteps }] = await Promise.all([
    import("./document.ts"),
    import("./made-aside.ts"),
  ]);
  return takeSteps(describe(api.routes(), { version: await api.version() }));
}

function kept(make: () => Promise<Uint8Array>): () => Promise<Page> {
  let page: Promise<Page> | undefined;
  return () => {
    page ??= make().then((body) => {
      const digest = createHash("sha256").update(body).digest("base64url");
      return { body, tag: `"${digest.slice(0, 22)}"` };
    });
    return page;
  };
}

function send(
  request: HttpRequest,
  { body, tag }: Page,
  type: string,
  more: Readonly<Record<string, string>> = {},
): HttpResponse {
  const headers = { ETag: tag, "Cache-Control": "no-cache", ...more };
  if (request.header("if-none-match") === tag) return { status: 304, headers, body: "" };
  return { status: 200, headers: { ...headers, "Content-Type": type }, body };
}
