// The pages of connecting an account, for browsers and without a key: the link, whose page asks before it leads to
// the other service, and where that sends the browser back to.

import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { defineRoute, type Route } from "../route.ts";
import type { HttpRequest, HttpResponse } from "../server.ts";
import { callbackPath } from "../services/credentials-path.ts";
import type { Services } from "../services/services.ts";

/** What few requests need is not loaded at every start. */
const pages = () => import("./connect-html.ts");

/** A name that only this very host can set over TLS: no neighbour's page gives a browser a cookie of its own. */
const COOKIE = "__Host-troupe_connect";
const PLAIN_COOKIE = "troupe_connect";
const COOKIE_SECONDS = 600;
const FORM_BYTES_MAX = 4_096;
const policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action";
const headers = {
  "Content-Security-Policy": `${policy} 'none'`,
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
  "X-Frame-Options": "DENY",
} as const;
const page = { "text/html": Type.String() };
const common = { service: "tokens", errors: "problem", isPublic: true, headers } as const;
const link = { ...common, pattern: "/v2/tokens/connect/{id}", query: [] } as const;
const gone = { description: "A link that is unknown, used or too old.", content: page };

/** The pages. */
export function connectPages(services: Services): readonly Route[] {
  return [...linkRoutes(services), backRoute(services)];
}

function linkRoutes({ credentials, trust }: Services): readonly Route[] {
  // Browsers hold redirects after a form against the policy of its page, and where they end is not known here.
  const targets = `'self' https:${trust.hosts.length > 0 ? " http:" : ""}`;
  const asking = {
    "Content-Security-Policy": `${policy} ${targets}`,
    // With less the browser would not say that the form is of our own page.
    "Referrer-Policy": "same-origin",
  };
  return [
    defineRoute({
      ...link,
      method: "GET",
      summary: "Ask whether to connect an account",
      description:
        "For a person's browser: says which account it is about, for whom and who asks. Looking changes nothing.",
      responses: { 200: { description: "The page.", content: page }, 404: gone },
      handler: ({ request, params }) =>
        shown(async () => {
          const base = baseOf(request, trust.publicUrl);
          const { connect } = await credentials();
          const looked = await connect.look(params["id"] ?? "", cookieOf(request, base));
          const more = { ...asking, "Set-Cookie": setCookie(looked.cookie, base) };
          return html(200, (await pages()).askPage(looked), more);
        }),
    }),
    defineRoute({
      ...link,
      method: "POST",
      summary: "Begin to connect an account, or refuse to",
      description:
        "The form of that page, in the browser that it was shown in: leads to the other service. The first browser that goes on with a link is the only one.",
      body: "raw",
      accepts: {
        "application/x-www-form-urlencoded": Type.Object({
          proof: Type.String(),
          decision: Type.String({ enum: ["connect", "refuse"] }),
          code: Type.Optional(Type.String()),
        }),
      },
      responses: {
        200: { description: "It was refused.", content: page },
        303: { description: "On to the other service.", headers: ["Location"] },
        404: gone,
      },
      handler: ({ request, params }) =>
        shown(async () => {
          const form = await formOf(request);
          const base = baseOf(request, trust.publicUrl);
          const cookie = cookieOf(request, base);
          const given = { proof: form.get("proof") ?? "", code: form.get("code") ?? "" };
          const { connect } = await credentials();
          const id = params["id"] ?? "";
          if (form.get("decision") === "refuse") {
            await connect.refuse(id, { cookie }, given);
            return await said(200, "Not connected", "Nothing was connected, and the link is gone.");
          }
          const location = await connect.begin(id, { cookie, base }, given);
          return { status: 303, headers: { Location: location }, body: "" };
        }),
    }),
  ];
}

function backRoute({ credentials, trust }: Services): Route {
  return defineRoute({
    ...common,
    method: "GET",
    summary: "Come back from the other service",
    description:
      "Where a browser is sent with a code, which becomes a token. What it was sent with counts once.",
    responses: {
      200: { description: "What to tell the person.", content: page },
      303: {
        description: "On to the `return_url` of the integration, with `connection`.",
        headers: ["Location"],
      },
      404: { description: "What it was sent with is unknown, used or too old.", content: page },
    },
    pattern: callbackPath,
    ignoresOtherQuery: true,
    handler: ({ request, query }) =>
      shown(async () => {
        const { connect } = await credentials();
        const cookie = cookieOf(request, baseOf(request, trust.publicUrl));
        const ended = await connect.finish(query, { cookie });
        if (ended.type === "go-on") {
          return { status: 303, headers: { Location: ended.location }, body: "" };
        }
        const { integration, user, account } = ended;
        const whose = user === null ? "" : ` for ${user}`;
        const which = account === null ? "" : ` as ${account}`;
        const text = `${integration} is connected${which}${whose}. You can close this page.`;
        return await said(200, "Connected", text);
      }),
  });
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
    const title = "Not connected";
    if (code === "NOT_FOUND") return await said(404, title, message);
    if (code === "FORBIDDEN") return await said(403, title, message);
    if (code === "INTERNAL" || code === "BODY_TOO_LARGE" || code === "INVALID") throw error;
    return await said(502, title, `${message} Nothing was changed; ask for a new link.`);
  }
}

async function said(status: number, title: string, text: string): Promise<HttpResponse> {
  return html(status, (await pages()).saidPage(title, text));
}

function html(
  status: number,
  body: string,
  more: Readonly<Record<string, string>> = {},
): HttpResponse {
  return { status, headers: { "Content-Type": "text/html; charset=utf-8", ...more }, body };
}

/** @throws INVALID, BODY_TOO_LARGE. */
async function formOf(request: HttpRequest): Promise<URLSearchParams> {
  const type = (request.header("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    throw new RuntimeError("INVALID", "This is the form of a page: open the link in a browser.");
  }
  return new URLSearchParams(Buffer.from(await request.body(FORM_BYTES_MAX)).toString("utf8"));
}

function setCookie(value: string, base: string): string {
  const more = `HttpOnly; SameSite=Lax; Max-Age=${COOKIE_SECONDS}`;
  return base.startsWith("https:")
    ? `${COOKIE}=${value}; Path=/; Secure; ${more}`
    : `${PLAIN_COOKIE}=${value}; Path=/v2/tokens; ${more}`;
}

function cookieOf(request: Pick<HttpRequest, "header">, base: string): string | null {
  const wanted = base.startsWith("https:") ? COOKIE : PLAIN_COOKIE;
  for (const part of request.header("cookie")?.split(/[;,]/) ?? []) {
    const [name, value] = part.trim().split("=", 2);
    if (name === wanted && value !== undefined && value !== "") return value;
  }
  return null;
}
