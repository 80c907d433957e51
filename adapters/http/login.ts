// The routes of the browser's sign-in: the one-time link, and signing out.

import { RuntimeError } from "../../runtime/errors.ts";
import { nothing } from "./openapi/responses.ts";
import { noContent } from "./reply.ts";
import { defineRoute, type Principal, type Route, type RouteContext } from "./route.ts";
import type { Sessions } from "./sessions.ts";

/** Told of who has signed in, before the cookie is given. */
export type SignedIn = (
  context: Pick<RouteContext, "request" | "address">,
  principal: Principal,
) => Promise<void>;

/** `GET /login?code=` signs in and goes to the page; `POST /logout` ends the session. */
export function createLoginRoutes(
  sessions: Sessions,
  signedIn: SignedIn = async () => undefined,
): readonly Route[] {
  return [
    defineRoute({
      summary: "Sign a browser in with a one-time link",
      description:
        "For people: the link that a start prints. It sets a cookie and goes to the chat page; a link works once and for a few minutes.",
      responses: { 303: { description: "Signed in: on to the page.", headers: ["Location"] } },
      method: "GET",
      pattern: "/login",
      service: "console",
      errors: "problem",
      isPublic: true,
      handler: async ({ query, request, address }) => {
        const cookie = sessions.open(query.get("code") ?? "");
        if (cookie === null) {
          throw new RuntimeError(
            "UNAUTHENTICATED",
            "This link was used before or has expired; ask the server for a new one.",
          );
        }
        const principal = sessions.find(cookie);
        if (principal !== null) await signedIn({ request, address }, principal);
        return {
          status: 303,
          headers: { Location: "/", "Set-Cookie": cookie, "Referrer-Policy": "no-referrer" },
          body: "",
        };
      },
    }),
    defineRoute({
      summary: "Sign a browser out",
      description: "Ends the session of the cookie that is sent; without one it does nothing.",
      responses: nothing,
      method: "POST",
      pattern: "/logout",
      service: "console",
      errors: "problem",
      isPublic: true,
      handler: ({ request }) => {
        sessions.end(request.header("cookie"));
        return noContent();
      },
    }),
  ];
}
