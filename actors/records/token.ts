// A token: what one user of an application, or the tenant as a whole, may do at another service. The record
// says what is known of it; the secret lies in a row of its own, sealed, and is shown to nobody.

import { keyPart } from "../../runtime/store/keys.ts";
import { type Static, Type } from "../schema.ts";
import { hostList, integrationName, scopeList } from "./integration.ts";

const closed = { additionalProperties: false } as const;

/** Tables of a tenant. */
export const tokenTables = {
  /** Token by `tk_...`. */
  tokens: "tokens",
  /** Sealed secret by `tk_...`. */
  secrets: "token-secrets",
  /** TokenUse by integration and user: one token for each. */
  uses: "tokens-use",
  /** When a token was used last, ISO 8601, by `tk_...`. */
  used: "tokens-used",
  /** ConnectLink by `cn_...`. */
  links: "token-links",
  /** Runs that wait for an account, by its use and their link; and by root run and link (TokenWait). */
  waits: "token-waits",
  waitsOfRun: "token-waits-run",
  /** Authorization requests under way, by the SHA-256 of their state. */
  states: "token-states",
  /** Accounts that somebody has consented to and the application has not confirmed, by the SHA-256 of their name. */
  grants: "token-grants",
} as const;

/** Limits of tokens. */
export const tokenLimits = {
  records: 100_000,
  userChars: 200,
  secretChars: 16_000,
  labelChars: 200,
  /** Life of an authorization request, ms. */
  stateMs: 10 * 60_000,
  /** An account that was not confirmed in its time is given back so much later, ms: it may be confirmed at that moment. */
  grantEndMs: 60_000,
  /** One that the other side does not take back is tried again for so long, ms. */
  giveBackMs: 24 * 3_600_000,
  /** A token that ends within this is not sent any more, ms. */
  deadMs: 20_000,
  /** One that ends within this is renewed while it is still sent, ms. */
  earlyMs: 300_000,
  /** How long a run waits for an account to be connected, ms. */
  waitMs: 24 * 3_600_000,
  /** One renewal, with its retries, ms. */
  renewMs: 90_000,
} as const;

/** How a token stands. */
export const tokenStatuses = ["active", "auth_required", "expired", "revoked", "error"] as const;

/** How a token stands. */
export type TokenStatus = (typeof tokenStatuses)[number];

/** A stored token. Times are ISO 8601. */
export interface Token {
  readonly id: string;
  readonly integration: string;
  /** Null: of the tenant. */
  readonly user_key: string | null;
  readonly type: "api_key" | "oauth2" | "client_credentials";
  readonly scopes: readonly string[];
  /** Null: as its integration says. */
  readonly allowed_hosts: readonly string[] | null;
  readonly status: TokenStatus;
  /** Why it is not active, for people. */
  readonly error: string | null;
  /** When the secret ends; null: not known, or never. */
  readonly expires_at: string | null;
  /** Whether it can be renewed without a person. */
  readonly can_refresh: boolean;
  /** Whose account it is there. */
  readonly account_label: string | null;
  /** Counts secrets: a renewal of an earlier one is dropped. */
  readonly generation: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Which token is for whom. */
export interface TokenUse {
  readonly id: string;
  readonly status: TokenStatus;
}

/** A sealed secret, with what it is bound to. Opened it is JSON of a `TokenSecret`. */
export interface SealedSecret {
  readonly user: string;
  readonly integration: string;
  readonly sealed: string;
}

/** What is secret of a token. */
export interface TokenSecret {
  readonly access: string;
  readonly refresh?: string;
}

/** A link at which a person connects an account. Times in ms since the epoch. */
export interface ConnectLink {
  readonly integration: string;
  readonly user_key: string | null;
  readonly untilMs: number;
  /** SHA-256 of the cookie of the browser that opened it; the only one that can go on with it. */
  readonly browser?: string;
  readonly by: string;
  /** The run that waits for it, and its root. */
  readonly run?: string;
  readonly root?: string;
  /** What the page asks for besides, as `newConnectCode` writes it; absent: nothing. */
  readonly code?: string;
  /** Wrong ones in a row. */
  readonly wrong?: number;
  /** Before this no code is looked at. */
  readonly lockedUntilMs?: number;
}

/** What a client sends to keep a key. */
export const tokenInput = Type.Object(
  {
    integration: integrationName,
    user_key: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: tokenLimits.userChars }), Type.Null()]),
    ),
    /** The key. Write-only; absent for client_credentials. */
    secret: Type.Optional(Type.String({ minLength: 1, maxLength: tokenLimits.secretChars })),
    scopes: Type.Optional(scopeList),
    allowed_hosts: Type.Optional(hostList),
    expires_at: Type.Optional(Type.Union([Type.String({ format: "date-time" }), Type.Null()])),
    account_label: Type.Optional(Type.String({ maxLength: tokenLimits.labelChars })),
  },
  closed,
);

/** What a client sends to keep a key. */
export type TokenInput = Static<typeof tokenInput>;

/** What a client changes. */
export const tokenPatch = Type.Object(
  {
    secret: tokenInput.properties.secret,
    allowed_hosts: Type.Optional(Type.Union([hostList, Type.Null()])),
    expires_at: tokenInput.properties.expires_at,
    account_label: Type.Optional(
      Type.Union([Type.String({ maxLength: tokenLimits.labelChars }), Type.Null()]),
    ),
  },
  closed,
);

/** What a client changes. */
export type TokenPatch = Static<typeof tokenPatch>;

/** What a client sends for a link. */
export const connectInput = Type.Object(
  { integration: integrationName, user_key: tokenInput.properties.user_key },
  closed,
);

/** What an application sends to keep the account of a person who came back to it. */
export const completeInput = Type.Object(
  {
    /** As the browser brought it. */
    connection: Type.String({ minLength: 1, maxLength: 300 }),
    /** Who is signed in there; null or absent: the tenant. */
    user_key: tokenInput.properties.user_key,
  },
  closed,
);

/** `auth` of a tool: whose token its requests have. */
export const tokenRef = Type.Object(
  { token: Type.String({ pattern: "^([a-z0-9][a-z0-9-]{0,39}|tk_[0-9a-z]{26})$" }) },
  closed,
);

/** Id of the row that says which token is for a user, or for the tenant (null). */
export function useId(integration: string, user: string | null): string {
  // No part has a "*".
  return `${integration}.${user === null ? "*" : keyPart(user)}`;
}
