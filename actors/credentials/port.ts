// What credentials need from outside: a token is renewed there where secrets can be opened.

import type { Integration } from "../records/integration.ts";
import type { Token } from "../records/token.ts";

/** What a renewal gave. No secret in it can be read: it is sealed. */
export type Renewal =
  | {
      readonly status: "renewed";
      /** Of the row of secrets; null: the one that is stored stays. */
      readonly sealed: string;
      readonly expiresAtMs: number | null;
      readonly scopes: readonly string[] | null;
      readonly canRefresh: boolean;
    }
  /** The other side will not do it: a person has to connect again. */
  | { readonly status: "refused"; readonly reason: string };

/** Renews tokens. */
export interface Credentials {
  /** Integrations of the configuration, for tenants that have none of that name. */
  readonly operators: { get(tenant: string, name: string): Integration | undefined };
  /**
   * One request to the token endpoint. @throws RuntimeError PROVIDER_LIMITED, PROVIDER_UNAVAILABLE, DEADLINE:
   * the token is as it was, and it may go later; CANCELLED, SECRET_UNREADABLE, PROVIDER_FAILED.
   */
  renew(call: {
    readonly tenant: string;
    readonly token: Token;
    /** A request of an earlier life may have been answered, and its answer is lost. */
    readonly isAfterCrash: boolean;
    readonly signal: AbortSignal;
  }): Promise<Renewal>;
}
