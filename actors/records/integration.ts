// An integration: another service for which tokens are kept, and how they are got from it. A tenant's
// admin makes it; tokens and tools name it by its name.

import { type Static, Type } from "../schema.ts";

const closed = { additionalProperties: false } as const;

/** Table of them; ids are their names. `client_secret` is sealed. */
export const integrationsTable = "integrations";

/** Limits of integrations. */
export const integrationLimits = {
  records: 200,
  scopes: 100,
  hosts: 20,
  urlChars: 2_000,
  secretChars: 4_000,
} as const;

const HOST_PATTERN =
  "^(\\*\\.)?(\\[[0-9A-Fa-f:.]+\\]|[^\\s/?#@:*\\[\\]\\\\%]{1,253})(:[0-9]{1,5})?$";

/** Of an integration. */
export const integrationName = Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,39}$" });
const url = Type.String({ minLength: 8, maxLength: integrationLimits.urlChars });

/**
 * Hosts a token is sent to: "api.example.com", "*.example.com" for those below one; ":8443" behind it for another port
 * than that of the scheme.
 */
export const hostList = Type.Array(Type.String({ pattern: HOST_PATTERN }), {
  minItems: 1,
  maxItems: integrationLimits.hosts,
});

/** Scopes as OAuth writes them (RFC 6749, 3.3). */
export const scopeList = Type.Array(Type.String({ pattern: "^[!#-\\[\\]-~]{1,200}$" }), {
  maxItems: integrationLimits.scopes,
});

/** What an admin sets. */
export const integrationInput = Type.Object(
  {
    /** How its tokens are got: a person's consent, the client's own, or a key that somebody has. */
    type: Type.Union([
      Type.Literal("oauth2"),
      Type.Literal("client_credentials"),
      Type.Literal("api_key"),
    ]),
    title: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    /** Its metadata says where the endpoints are (OpenID Connect Discovery, RFC 8414). */
    issuer: Type.Optional(url),
    authorization_endpoint: Type.Optional(url),
    token_endpoint: Type.Optional(url),
    revocation_endpoint: Type.Optional(url),
    client_id: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    /** Write-only. Left out of a change, the stored one stays. */
    client_secret: Type.Optional(
      Type.String({ minLength: 1, maxLength: integrationLimits.secretChars }),
    ),
    /** How the client shows who it is. Default: basic with a secret, none without. */
    client_auth: Type.Optional(
      Type.Union([Type.Literal("basic"), Type.Literal("post"), Type.Literal("none")]),
    ),
    scopes: Type.Optional(scopeList),
    /** Hosts that its tokens are meant for. */
    allowed_hosts: hostList,
    /** Header of a request that has the token, and what stands before it. Default authorization, "Bearer ". */
    header: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9-]{1,64}$" })),
    prefix: Type.Optional(Type.String({ pattern: "^[ -~]{0,40}$" })),
    /**
     * How it is made sure that whoever consents is the user that a link is for. page (the default): a page says whom the
     * account is for and who asks; code: it wants a short code too, which is told beside the link; application: the
     * browser goes on to `return_url`, and the account is kept when the application says who came back.
     */
    confirmation: Type.Optional(
      Type.Union([Type.Literal("page"), Type.Literal("code"), Type.Literal("application")]),
    ),
    /** Told, signed, when a token needs a person, or cannot be renewed for long. */
    webhook_url: Type.Optional(url),
    /** Page of the application. */
    return_url: Type.Optional(url),
    /** More of an authorization request, e.g. {"access_type": "offline"}. */
    authorization_params: Type.Optional(
      Type.Record(Type.String({ pattern: "^[a-z_]{1,40}$" }), Type.String({ maxLength: 500 }), {
        maxProperties: 20,
      }),
    ),
  },
  closed,
);

/** What an admin sets. */
export type IntegrationInput = Static<typeof integrationInput>;

/** A stored integration. Times are ISO 8601; `client_secret` is sealed. */
export interface Integration extends IntegrationInput {
  readonly name: string;
  readonly created_at: string;
  readonly updated_at: string;
}
