// The two pages of connecting an account, for browsers and without a key: the link, which leads to the other
// service, and where that sends the browser back to. Plain pages without a secret, script or picture.

import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { defineRoute, type Route } from "../route.ts";
import type { HttpRequest, HttpResponse } from "../server.ts";
import { callbackPath } from "../services/credentials-path.ts";
import type { Services } from "../services/services.ts";

const COOKIE = "troupe_connect";
const COOKIE_SECONDS = 600;
const headers = {
  "Content-Security-Policy":
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
  "X-Frame-Options": "DENY",
} as const;
const page = { "text/html": Type.String() };
const common = {
  service: "tokens",
  errors: "problem",
  method: "GET",
  isPublic: true,
  headers,
} as const;

/** The pages. */
export function connectPages({ credentials, trust }: Services): readonly Route[] {
  return [
    defineRoute({
      ...common,
      summary: "Begin to connect an account",
      description:
        "For a person's browser: sets a cookie and leads to the other service. A link works in the browser that opens it first.",
      responses: {
        303: { description: "On to the other service.", headers: ["Location"] },
        404: { description: "A link that is unknown, used or too old.", content: page },
      },
      pattern: "/v2/tokens/connect/{id}",
      query: [],
      handler: ({ request, params }) =>
        shown(async () => {
          const base = baseOf(request, trust.publicUrl);
          const browser = { cookie: cookieOf(request), base };
          const { connect } = await credentials();
          const { location, cookie } = await connect.start(params["id"] ?? "", browser);
          const secure = base.startsWith("https:") ? "; Secure" : "";
          const set = `${COOKIE}=${cookie}; Path=/v2/tokens; HttpOnly; SameSite=Lax; Max-Age=${COOKIE_SECONDS}${secure}`;
          return { status: 303, headers: { Location: location, "Set-Cookie": set }, body: "" };
        }),
    }),
    defineRoute({
      ...common,
      summary: "Come back from the other service",
      description:
        "Where a browser is sent with a code, which becomes a token. What it was sent with counts once.",
      responses: {
        200: { description: "What to tell the person.", content: page },
        404: { description: "What it was sent with is unknown, used or too old.", content: page },
      },
      pattern: callbackPath,
      ignoresOtherQuery: true,
      handler: ({ request, query }) =>
        shown(async () => {
          const { connect } = await credentials();
          const { integration, user, account } = await connect.finish(query, {
            cookie: cookieOf(request),
          });
          const whose = user === null ? "" : ` for ${user}`;
          const which = account === null ? "" : ` as ${account}`;
          const text = `${integration} is connected${which}${whose}. You can close this page.`;
          return html(200, "Connected", text);
        }),
    }),
  ];
}

/** Where this server is for a browser. */
export function baseOf(request: Pick<HttpRequest, "header">, publicUrl: string | null): string {
  return publicUrl?.replace(/\/+$/, "") ?? `http://${request.header("host") ?? "localhost"}`;
}

/** What goes wrong is told on a page too: its status, and no more than is for anybody. */
async function shown(answer: () => Promise<HttpResponse>): Promise<HttpResponse> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const { code, message } = error;
    if (code === "NOT_FOUND") return html(404, "Not connected", message);
    if (code === "FORBIDDEN") return html(403, "Not connected", message);
    if (code === "INTERNAL") throw error;
    return html(502, "Not connected", `${message} Nothing was changed; ask for a new link.`);
  }
}

function html(status: number, title: string, text: string): HttpResponse {
  const body = `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title></head>\n<body><h1>${escaped(title)}</h1><p>${escaped(text)}</p></body></html>\n`;
  return { status, headers: { "Content-Type": "text/html; charset=utf-8" }, body };
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (one) => names[one] ?? one);
}

function cookieOf(request: Pick<HttpRequest, "header">): string | null {
  for (const part of request.header("cookie")?.split(/[;,]/) ?? []) {
    const [name, value] = part.trim().split("=", 2);
    if (name === COOKIE && value !== undefined && value !== "") return value;
  }
  return null;
}
