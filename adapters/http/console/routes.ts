// Serves the chat page. The files are public, because they hold nothing; what the page shows comes
// from the API with the session's cookie. The policy lets the page load and call this server only.

import { createHash } from "node:crypto";
import { Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";

/** One file of the page. */
export interface PageFile {
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

/** What the page says about who answers. */
export interface AnswererInfo {
  /** No provider is configured: the built-in answerer answers. */
  readonly builtin: boolean;
  readonly providers: readonly string[];
}

/** Headers of the page: no foreign host, no framing, no inline script or style. */
const pageHeaders = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache",
} as const;

const SERVICE = "console";
const infoSchema = named(
  "AnswererInfo",
  Type.Object(
    { builtin: Type.Boolean(), providers: Type.Array(Type.String()) },
    { additionalProperties: false },
  ),
);

/** Routes of the page: its files, and what it says about the answerer. */
export function consoleRoutes(files: readonly PageFile[], info: AnswererInfo): readonly Route[] {
  return [
    ...files.map(fileRoute),
    defineRoute({
      summary: "Read who answers on this server",
      description:
        "What the chat page says about it: the names of the providers, never their keys.",
      responses: answers(200, infoSchema, "Who answers."),
      method: "GET",
      pattern: "/console/info",
      service: SERVICE,
      errors: "problem",
      isPublic: true,
      handler: () => json(200, info, { "Cache-Control": "no-store" }),
    }),
  ];
}

function fileRoute({ path, type, body }: PageFile): Route {
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const headers = { "Content-Type": type, ETag: tag };
  return defineRoute({
    summary: `Read ${path}, a file of the chat page`,
    description:
      "For browsers. Its ETag is its digest: with If-None-Match it is sent when it has changed.",
    responses: {
      200: { description: "The file.", content: { [type.split(";", 1)[0] ?? ""]: Type.String() } },
      304: { description: "It is as it was." },
    },
    method: "GET",
    pattern: path,
    service: SERVICE,
    errors: "problem",
    isPublic: true,
    headers: pageHeaders,
    handler: ({ request }) =>
      request.header("if-none-match") === tag
        ? { status: 304, headers: { ETag: tag }, body: "" }
        : { status: 200, headers, body },
  });
}
