// Tokens and integrations as they are shown: what is known of them, and no secret.

import type { Integration } from "../../../actors/records/integration.ts";
import { hostList, scopeList } from "../../../actors/records/integration.ts";
import { tokenStatuses } from "../../../actors/records/token.ts";
import { Type } from "../../../actors/schema.ts";
import { isOperators } from "../../credentials/operator-integrations.ts";
import { named } from "../openapi/named.ts";
import { orNull, time } from "../openapi/responses.ts";
import type { ShownToken } from "../services/tokens.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const literals = (names: readonly string[]) => Type.Union(names.map((name) => Type.Literal(name)));
const types = literals(["oauth2", "client_credentials", "api_key"]);

/** A token. */
export const tokenSchema = named(
  "Token",
  Type.Object(
    {
      id: text,
      integration: text,
      user_key: orNull(text),
      type: types,
      scopes: Type.Array(text),
      allowed_hosts: orNull(Type.Array(text)),
      status: literals(tokenStatuses),
      error: orNull(text),
      expires_at: orNull(time),
      can_refresh: Type.Boolean(),
      account_label: orNull(text),
      created_at: time,
      updated_at: time,
      last_used_at: orNull(time),
    },
    closed,
  ),
);

/** An integration. */
export const integrationSchema = named(
  "Integration",
  Type.Object(
    {
      name: text,
      type: types,
      title: orNull(text),
      issuer: orNull(text),
      authorization_endpoint: orNull(text),
      token_endpoint: orNull(text),
      revocation_endpoint: orNull(text),
      client_id: orNull(text),
      has_client_secret: Type.Boolean(),
      client_auth: orNull(text),
      scopes: scopeList,
      allowed_hosts: hostList,
      header: text,
      prefix: text,
      confirmation: literals(["page", "code", "application"]),
      ...{ return_url: orNull(text), webhook_url: orNull(text) },
      authorization_params: Type.Record(text, text),
      source: {
        ...literals(["tenant", "operator"]),
        description:
          "`operator`: of the server's configuration, for all or some tenants; read-only.",
      },
      ...{ created_at: orNull(time), updated_at: orNull(time) },
    },
    closed,
  ),
);

/** A link. */
export const linkSchema = named(
  "ConnectLink",
  Type.Object(
    {
      url: text,
      expires_at: time,
      code: orNull({
        ...text,
        description: "What its page asks for, where the integration has `confirmation: code`.",
      }),
    },
    closed,
  ),
);

/** What became of a token that was deleted. */
export const removedSchema = named(
  "DeletedToken",
  Type.Object(
    {
      id: text,
      revoked: Type.Boolean({ description: "Whether the other side has taken it back too." }),
    },
    closed,
  ),
);

/** The token without what only the server needs. */
export function tokenView({ generation: _, ...token }: ShownToken): object {
  return token;
}

/** The integration without its secret. */
export function integrationView(of: Integration): object {
  const { client_secret: secret } = of;
  const texts = [
    "title",
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "client_id",
    "client_auth",
    "return_url",
    "webhook_url",
  ] as const;
  return {
    ...{ name: of.name, type: of.type, has_client_secret: secret !== undefined },
    ...Object.fromEntries(texts.map((field) => [field, of[field] ?? null])),
    ...{ scopes: of.scopes ?? [], allowed_hosts: of.allowed_hosts },
    ...{ header: of.header ?? "authorization", prefix: of.prefix ?? "Bearer " },
    confirmation: of.confirmation ?? "page",
    authorization_params: of.authorization_params ?? {},
    source: isOperators(of) ? "operator" : "tenant",
    ...{ created_at: of.created_at || null, updated_at: of.updated_at || null },
  };
}
