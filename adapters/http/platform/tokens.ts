// /v2/tokens and /v2/integrations: what the tenant and its users may do at other services, and which those are.

import { integrationInput } from "../../../actors/records/integration.ts";
import {
  completeInput,
  connectInput,
  tokenInput,
  tokenLimits,
  tokenPatch,
} from "../../../actors/records/token.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { may } from "../permissions.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Principal, type Route } from "../route.ts";
import { actingOf, callerOf } from "../services/caller.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import type { TokenFilter } from "../services/tokens.ts";
import { baseOf } from "./connect-pages.ts";
import { pageReply } from "./shapes.ts";
import {
  integrationSchema,
  integrationView,
  linkSchema,
  removedSchema,
  tokenSchema,
  tokenView,
} from "./token-schemas.ts";

const path = "/v2/tokens";
const common = { service: "tokens", errors: "problem" } as const;

/** Routes of tokens and integrations. */
export function tokenRoutes(services: Services): readonly Route[] {
  return [...listRoutes(services), ...oneRoutes(services), ...integrationRoutes(services)];
}

/** Whose tokens a key may see: those of a user that it names, or, of an admin, all. @throws FORBIDDEN, INVALID. */
function filterOf(principal: Principal, query: URLSearchParams): TokenFilter {
  const user = query.get("user_key");
  const integration = query.get("integration");
  if (user === null && !may(principal, "credentials.manage")) {
    const text = 'Without the permission "credentials.manage" name one user, as user_key.';
    throw new RuntimeError("FORBIDDEN", text);
  }
  if (user !== null && user.length > tokenLimits.userChars) {
    const text = `user_key has at most ${tokenLimits.userChars} characters.`;
    throw new RuntimeError("INVALID", text, { parameter: "user_key" });
  }
  if (user === "") checkManages(principal, null);
  return {
    ...(user !== null && { user: user === "" ? null : user }),
    ...(integration !== null && { integration }),
  };
}

/** What is the tenant's own, an admin alone makes, changes and removes. @throws FORBIDDEN. */
function checkManages(principal: Principal, user: string | null | undefined): void {
  if (user != null || may(principal, "credentials.manage")) return;
  const text = 'Tokens of the tenant need the permission "credentials.manage"; name a user_key.';
  throw new RuntimeError("FORBIDDEN", text);
}

/** A token of a key that may not list it is one that does not exist, unless its user is named. @throws NOT_FOUND. */
function checkOne(
  principal: Principal,
  query: URLSearchParams,
  token: { readonly id: string; readonly user_key: string | null },
): void {
  if (may(principal, "credentials.manage")) return;
  if (token.user_key !== null && token.user_key === query.get("user_key")) return;
  throw new RuntimeError("NOT_FOUND", `Token ${token.id} does not exist.`);
}

function listRoutes({ credentials, trust }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List tokens",
      description:
        "Newest first, without their secrets, of a user (`user_key`; empty: of the tenant) or an integration. Without a user only with the permission `credentials.manage`.",
      responses: answers(200, pageOf(tokenSchema), "A page of tokens."),
      ...common,
      method: "GET",
      pattern: path,
      query: [...pageQuery, "user_key", "integration"],
      handler: async ({ principal, query }) => {
        const filter = filterOf(principal, query);
        const { tokens } = await credentials();
        const page = await tokens.list(principal.tenant, pageRequest(query, path), filter);
        return pageReply(path, page, tokenView);
      },
    }),
    defineRoute({
      summary: "Keep a key of another service",
      description:
        "For an integration of type api_key, of a user or (without `user_key`) of the tenant; of type client_credentials without a secret. The secret is stored sealed and never shown. One for each user and integration: another one is 409.",
      reads: ["Idempotency-Key"],
      responses: answers(201, tokenSchema, "The token.", ["Location"]),
      ...common,
      method: "POST",
      pattern: path,
      body: tokenInput,
      handler: async (context) => {
        checkManages(context.principal, context.body.user_key);
        const once = onceKeyOf(context.request, context.bodyBytes);
        const { tokens } = await credentials();
        const token = await tokens.create(actingOf(context), context.body, once);
        return json(201, tokenView(token), { Location: `${path}/${token.id}` });
      },
    }),
    defineRoute({
      summary: "Make a link to connect an account",
      description:
        "For a browser of the user: its page says whom the account is for and who asks, and leads to the other service and back. It works for ten minutes, in the browser that goes on with it first.",
      responses: answers(201, linkSchema, "The link."),
      ...common,
      method: "POST",
      pattern: `${path}/connect`,
      body: connectInput,
      handler: async (context) => {
        const { principal, body, request } = context;
        checkManages(principal, body.user_key);
        const { connect } = await credentials();
        const { id, untilMs, code } = await connect.link(callerOf(context), body);
        const url = `${baseOf(request, trust.publicUrl)}${path}/connect/${id}`;
        return json(201, { url, expires_at: new Date(untilMs).toISOString(), code });
      },
    }),
    defineRoute({
      summary: "Say who came back with an account",
      description:
        "For integrations with `confirmation: application`: the browser came to `return_url` with `connection`, and `user_key` is who is signed in there. The account becomes the token of that user if the link was made for them; else it is given back and this is 403. Once, within ten minutes.",
      responses: answers(200, tokenSchema, "The token."),
      ...common,
      method: "POST",
      pattern: `${path}/connect/complete`,
      body: completeInput,
      handler: async (context) => {
        const { connection, user_key: user = null } = context.body;
        checkManages(context.principal, user);
        const { connect, tokens } = await credentials();
        const caller = callerOf(context);
        const { id } = await connect.complete(caller, { connection, user });
        return json(200, tokenView(await tokens.get(caller.tenant, id)));
      },
    }),
  ];
}

function oneRoutes({ credentials }: Services): readonly Route[] {
  const one = { ...common, pattern: `${path}/{tk}`, query: ["user_key"] } as const;
  const id = (params: Readonly<Record<string, string>>): string => params["tk"] ?? "";
  return [
    defineRoute({
      summary: "Read a token",
      description:
        "What is known of it, never its secret. Without the permission `credentials.manage` a key names its `user_key`.",
      responses: answers(200, tokenSchema, "The token."),
      ...one,
      method: "GET",
      handler: async ({ principal, params, query }) => {
        const { tokens } = await credentials();
        const token = await tokens.get(principal.tenant, id(params));
        checkOne(principal, query, token);
        return json(200, tokenView(token));
      },
    }),
    defineRoute({
      summary: "Change a token",
      description:
        "Its hosts, label, end, or (api_key) its secret. What is left out stays; null unsets.",
      responses: answers(200, tokenSchema, "The token."),
      ...one,
      method: "PATCH",
      body: tokenPatch,
      handler: async (context) => {
        const { principal, params, query, body } = context;
        const { tokens } = await credentials();
        checkOne(principal, query, await tokens.get(principal.tenant, id(params)));
        return json(200, tokenView(await tokens.patch(actingOf(context), id(params), body)));
      },
    }),
    defineRoute({
      summary: "Delete a token",
      description:
        "Here at once and for good; at the other service too where it has an endpoint for that, and `revoked` says whether it did.",
      responses: answers(200, removedSchema, "It is gone."),
      ...one,
      method: "DELETE",
      handler: async (context) => {
        const { principal, params, query } = context;
        const { tokens } = await credentials();
        checkOne(principal, query, await tokens.get(principal.tenant, id(params)));
        const { revoked } = await tokens.remove(actingOf(context), id(params));
        return json(200, { id: id(params), revoked });
      },
    }),
  ];
}

function integrationRoutes({ credentials }: Services): readonly Route[] {
  const all = { service: "integrations", errors: "problem", pattern: "/v2/integrations" } as const;
  const one = { ...all, pattern: "/v2/integrations/{name}" } as const;
  const name = (params: Readonly<Record<string, string>>): string => params["name"] ?? "";
  return [
    defineRoute({
      summary: "List integrations",
      description: "All of them, in the order of their names.",
      responses: answers(200, pageOf(integrationSchema), "The integrations."),
      ...all,
      method: "GET",
      handler: async ({ principal }) => {
        const { integrations } = await credentials();
        const data = (await integrations.list(principal.tenant)).map(integrationView);
        return json(200, { data, next_cursor: null });
      },
    }),
    defineRoute({
      summary: "Read an integration",
      description: "As it was set, without its client secret.",
      responses: answers(200, integrationSchema, "The integration."),
      ...one,
      method: "GET",
      handler: async ({ principal, params }) => {
        const { integrations } = await credentials();
        return json(200, integrationView(await integrations.get(principal.tenant, name(params))));
      },
    }),
    defineRoute({
      summary: "Make or replace an integration",
      description:
        "Another service, by its issuer or its endpoints, and the hosts that its tokens are sent to. A `client_secret` that is left out stays while endpoints and client do. Tools name it as `auth: {token: NAME}`.",
      responses: {
        ...answers(200, integrationSchema, "It was replaced."),
        ...answers(201, integrationSchema, "It is new."),
      },
      ...one,
      method: "PUT",
      permission: "credentials.manage",
      body: integrationInput,
      handler: async ({ principal, params, body }) => {
        const { integrations } = await credentials();
        const made = await integrations.put(principal.tenant, name(params), body);
        return json(made.isNew ? 201 : 200, integrationView(made.integration));
      },
    }),
    defineRoute({
      summary: "Delete an integration",
      description: "Refused while there are tokens of it.",
      responses: nothing,
      ...one,
      method: "DELETE",
      permission: "credentials.manage",
      handler: async ({ principal, params }) => {
        const { integrations } = await credentials();
        await integrations.remove(principal.tenant, name(params));
        return noContent();
      },
    }),
  ];
}
