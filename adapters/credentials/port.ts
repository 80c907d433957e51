// Tokens on a worker: renewed when their actor asks for it, and put into a request at the last moment, where
// it goes to a host that the token is meant for and nowhere else.

import type { Credentials } from "../../actors/credentials/port.ts";
import { type Integration, integrationsTable } from "../../actors/records/integration.ts";
import {
  type SealedSecret,
  type Token,
  type TokenSecret,
  tokenLimits,
  tokenTables,
} from "../../actors/records/token.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { hostOf, isMeantFor } from "../egress-address.ts";
import { tokenPlace } from "../secret-rows.ts";
import type { Vault } from "../vault/vault.ts";
import { isInsecure } from "./authorization-server.ts";
import type { OAuth } from "./oauth.ts";
import { openIntegration } from "./open-integration.ts";
import type { OperatorIntegrations } from "./operator-integrations.ts";

/** What a request is given of a token. */
export interface TokenHeaders {
  readonly headers: Readonly<Record<string, string>>;
  /** What must not be told on. */
  readonly secrets: readonly string[];
}

/** Tokens as requests have them. */
export interface RequestTokens {
  /**
   * @throws AUTH_REQUIRED when it is not fit to be sent, EGRESS_REFUSED when it is not meant for where the
   * request goes.
   */
  headersFor(tenant: string, id: string, url: string): Promise<TokenHeaders>;
  /** What must not be told on of a token; nothing for one that is gone. */
  secretsOf(tenant: string, id: string): Promise<readonly string[]>;
}

/** What they need. */
export interface CredentialOptions {
  /** The hot environment. */
  readonly tables: Reader;
  readonly vault: Vault;
  readonly oauth: OAuth;
  /** Hosts of private networks that the operator allows: without TLS too. */
  readonly insecureHosts: readonly string[];
  /** Of the configuration. */
  readonly operators: OperatorIntegrations;
}

/** The port of the actors, and what requests take tokens from. */
export function createCredentials(options: CredentialOptions): Credentials & RequestTokens {
  const { tables, vault, oauth, insecureHosts, operators } = options;
  const read = async <T>(tenant: string, table: string, id: string): Promise<T | undefined> => {
    const bytes = await tables.get(keys.table(tenant, table, id));
    return bytes === undefined ? undefined : (decode(bytes) as T);
  };
  const secretOf = async (tenant: string, id: string): Promise<TokenSecret | undefined> => {
    const row = await read<SealedSecret>(tenant, tokenTables.secrets, id);
    if (row === undefined) return undefined;
    return JSON.parse(vault.open(tokenPlace(tenant, row), row.sealed)) as TokenSecret;
  };
  const integrationOf = async (tenant: string, name: string): Promise<Integration> => {
    const own = await read<Integration>(tenant, integrationsTable, name);
    const row = own ?? operators.get(tenant, name);
    if (row !== undefined) return row;
    throw new RuntimeError("NOT_FOUND", `There is no integration ${name} any more.`);
  };
  return {
    operators,
    renew: async ({ tenant, token, isAfterCrash, signal }) => {
      const { integration, user_key } = token;
      const of = openIntegration(vault, tenant, await integrationOf(tenant, integration));
      const before = await secretOf(tenant, token.id);
      const isOwn = token.type === "client_credentials";
      if (!isOwn && before?.refresh === undefined) {
        return { status: "refused", reason: "There is no refresh token." };
      }
      try {
        const { access, refresh, expiresAtMs, scopes } = isOwn
          ? await oauth.clientCredentials(of, signal)
          : await oauth.refresh(of, before?.refresh ?? "", signal);
        const kept = refresh ?? before?.refresh;
        const secret: TokenSecret = {
          access,
          ...(!isOwn && kept !== undefined && { refresh: kept }),
        };
        const place = tokenPlace(tenant, { user: user_key ?? "", integration });
        const sealed = vault.seal(place, JSON.stringify(secret));
        const canRefresh = isOwn || kept !== undefined;
        return { status: "renewed", sealed, expiresAtMs, scopes, canRefresh };
      } catch (error) {
        const isRefused =
          error instanceof RuntimeError && error.details?.["reason"] === "invalid_grant";
        if (!isRefused) throw error;
        const why = isAfterCrash
          ? "The server stopped while it was renewed, and the answer was lost: connect the account again."
          : "The other side does not renew it any more: connect the account again.";
        return { status: "refused", reason: why };
      }
    },
    headersFor: async (tenant, id, url) => {
      const token = await read<Token>(tenant, tokenTables.tokens, id);
      const endsMs = Date.parse(token?.expires_at ?? "") || Number.POSITIVE_INFINITY;
      const isFit = token?.status === "active" && endsMs - Date.now() > tokenLimits.deadMs;
      const secret = isFit ? await secretOf(tenant, id) : undefined;
      if (token === undefined || secret === undefined) {
        throw new RuntimeError("AUTH_REQUIRED", `Token ${id} is not fit to be sent.`);
      }
      const of = await integrationOf(tenant, token.integration);
      checkHost(url, token.allowed_hosts ?? of.allowed_hosts, insecureHosts);
      const { header = "authorization", prefix = "Bearer " } = of;
      const { access, refresh } = secret;
      return {
        headers: { [header.toLowerCase()]: `${prefix}${access}` },
        secrets: refresh === undefined ? [access] : [access, refresh],
      };
    },
    secretsOf: async (tenant, id) => {
      const secret = await secretOf(tenant, id);
      if (secret === undefined) return [];
      return secret.refresh === undefined ? [secret.access] : [secret.access, secret.refresh];
    },
  };
}

/** @throws EGRESS_REFUSED. */
function checkHost(text: string, allowed: readonly string[], insecure: readonly string[]): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  const host = url === null ? "" : `${hostOf(url)}${url.port === "" ? "" : `:${url.port}`}`;
  const refuse = (why: string): RuntimeError =>
    new RuntimeError("EGRESS_REFUSED", `The token is not sent to ${host.slice(0, 100)}: ${why}.`);
  if (url === null || !isMeantFor(url, allowed, "default")) {
    throw refuse("it is not meant for this host and port (allowed_hosts)");
  }
  if (url.protocol !== "https:" && !isInsecure(text, insecure))
    throw refuse("it is asked without TLS");
}
