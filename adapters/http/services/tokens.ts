// Tokens of a tenant and of its users, as the door has them. What is stored is written by the actor of each
// token alone; secrets go in and never come out.

import { credentialAddress } from "../../../actors/credentials/credential.ts";
import { tokenWaitAddress } from "../../../actors/credentials/token-wait.ts";
import type { AuditSource } from "../../../actors/records/audit.ts";
import type { Integration } from "../../../actors/records/integration.ts";
import {
  type SealedSecret,
  type Token,
  type TokenInput,
  type TokenPatch,
  type TokenSecret,
  type TokenUse,
  tokenLimits,
  tokenTables,
  useId,
} from "../../../actors/records/token.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import { checkHosts } from "../../credentials/check-integration.ts";
import type { Granted, OAuth } from "../../credentials/oauth.ts";
import { tokenPlace } from "../../secret-rows.ts";
import type { Vault } from "../../vault/vault.ts";
import type { Caller } from "./agent-store.ts";
import type { IntegrationService } from "./integrations.ts";
import { KEY_HOURS, type OnceKey } from "./once.ts";
import type { Page, PageRequest } from "./paging.ts";

/** Rows read for one page; where more were passed over, the page is short and has a cursor. */
const ROWS_MAX = 2_000;
const ROWS_AT_ONCE = 200;
const ID = /^tk_[0-9a-z]{26}$/;
const COUNTER = "tokens";

/** A token as it is shown. */
export interface ShownToken extends Token {
  readonly last_used_at: string | null;
}

/** Which tokens. `user` null: of the tenant; undefined: of everybody. */
export interface TokenFilter {
  readonly user?: string | null;
  readonly integration?: string;
}

/** The tokens. */
export interface TokenService {
  list(tenant: string, page: PageRequest, filter: TokenFilter): Promise<Page<ShownToken>>;
  /** @throws NOT_FOUND. */
  get(tenant: string, id: string): Promise<ShownToken>;
  /** Keeps a key, or begins a token of the client's own. @throws INVALID, CONFLICT when there is one. */
  create(caller: Caller, input: TokenInput, once: OnceKey | null): Promise<ShownToken>;
  /** @throws NOT_FOUND, INVALID, CONFLICT. */
  patch(caller: Caller, id: string, patch: TokenPatch): Promise<ShownToken>;
  /** @returns whether the other side has taken it back. @throws NOT_FOUND. */
  remove(caller: Caller, id: string): Promise<{ readonly revoked: boolean }>;
  /** Keeps what a person's consent gave, in place of what there was. */
  keep(of: Connected, granted: Granted): Promise<Token>;
}

/** Whose consent it was. */
export interface Connected {
  readonly tenant: string;
  readonly integration: string;
  readonly user: string | null;
  readonly by: string;
}

/** What they need. */
export interface TokenOptions {
  readonly system: Pick<System, "tables" | "ask" | "send">;
  readonly integrations: Pick<IntegrationService, "get">;
  readonly vault: Vault;
  readonly oauth: OAuth;
  nowMs(): number;
}

/** The service. */
export function createTokens(options: TokenOptions): TokenService {
  const { system, integrations, nowMs } = options;
  const { tables } = system;
  const find = async (tenant: string, id: string): Promise<Token> => {
    const row = ID.test(id) ? await tables.get(tenant, tokenTables.tokens, id) : undefined;
    if (row !== undefined) return row.value as Token;
    throw new RuntimeError("NOT_FOUND", `Token ${id.slice(0, 64)} does not exist.`);
  };
  const shown = async (tenant: string, token: Token): Promise<ShownToken> => {
    const used = await tables.get(tenant, tokenTables.used, token.id);
    return { ...token, last_used_at: (used?.value as string | undefined) ?? null };
  };
  const put = async (
    tenant: string,
    change: Change,
    once: OnceKey | null = null,
  ): Promise<Token> => {
    const token = await stored(options, tenant, change, once);
    await tellWaiting(options, tenant, token);
    return token;
  };
  const claim = (tenant: string, use: string): Promise<string> => claimed(options, tenant, use);
  return {
    get: async (tenant, id) => await shown(tenant, await find(tenant, id)),
    list: async (tenant, page, filter) => {
      const { items, next } = await listed(tables, tenant, page, filter);
      return { items: await Promise.all(items.map((one) => shown(tenant, one))), next };
    },
    create: async (caller, input, once) => {
      const { tenant } = caller;
      const of = await integrations.get(tenant, input.integration).catch((error: unknown) => {
        throw asInvalid(error, "/integration");
      });
      const secret = firstSecret(of, input);
      checkHosts(input.allowed_hosts ?? []);
      const id = await claim(tenant, useId(of.name, input.user_key ?? null));
      const token = newToken(of, { ...input, id, nowMs: nowMs() });
      const by = sourceOf(caller);
      const made = { token, secret, by, action: "token.create", generation: null };
      return await shown(tenant, await put(tenant, made, once));
    },
    patch: async (caller, id, patch) => {
      const { secret } = patch;
      const { tenant } = caller;
      const before = await find(tenant, id);
      const token = patched(before, patch, nowMs());
      const by = sourceOf(caller);
      const { generation } = before;
      const kept = { token, by, action: "token.update", generation };
      const of = secret === undefined ? null : { access: secret };
      return await shown(tenant, await put(tenant, { ...kept, secret: of }));
    },
    remove: async (caller, id) => {
      const { tenant } = caller;
      const token = await find(tenant, id);
      const revoked = await revokedThere(options, tenant, token);
      const message = { type: "remove", id, by: sourceOf(caller) };
      await system.ask(credentialAddress(tenant, id), message);
      await tables.write(tenant, [{ type: "add", counter: COUNTER, delta: -1 }]);
      return { revoked };
    },
    keep: async ({ tenant, integration, user, by }, granted) => {
      const of = await integrations.get(tenant, integration);
      const id = await claim(tenant, useId(integration, user));
      const row = await tables.get(tenant, tokenTables.tokens, id);
      const before = row?.value as Token | undefined;
      const made = before ?? newToken(of, { integration, user_key: user, id, nowMs: nowMs() });
      const { access, refresh } = granted;
      const token = grantedToken(made, granted, { of, nowMs: nowMs() });
      const secret = { access, ...(refresh !== undefined && { refresh }) };
      const generation = before?.generation ?? null;
      return await put(tenant, { token, secret, by, action: "token.connect", generation });
    },
  };
}

const sourceOf = ({ source, keyId }: Caller): AuditSource => source ?? { by: keyId ?? "operator" };

/** Runs that wait for an account look whether it is theirs. */
async function tellWaiting(
  { system }: TokenOptions,
  tenant: string,
  { integration, user_key }: Token,
): Promise<void> {
  const prefix = `${useId(integration, user_key)}.`;
  for (let after: string | undefined; ; ) {
    const page = { prefix, limit: ROWS_AT_ONCE, ...(after !== undefined && { after }) };
    const rows = await system.tables.list(tenant, tokenTables.waits, page);
    for (const { id, value } of rows) {
      const { root } = value as { readonly root: string };
      const message = { type: "look", id: id.slice(prefix.length) };
      await system.send(tokenWaitAddress(tenant, root), message);
    }
    if (rows.length < ROWS_AT_ONCE) return;
    after = rows.at(-1)?.id;
  }
}

/** What the actor of a token is to store. */
interface Change {
  readonly token: Token;
  /** Null: the one that is stored stays. */
  readonly secret: TokenSecret | null;
  readonly by: string | AuditSource;
  readonly action: string;
  readonly generation: number | null;
}

async function stored(
  { system, vault }: TokenOptions,
  tenant: string,
  { token, secret, ...rest }: Change,
  once: OnceKey | null,
): Promise<Token> {
  const { id, user_key, integration } = token;
  const place = tokenPlace(tenant, { user: user_key ?? "", integration });
  const sealed = secret === null ? null : vault.seal(place, JSON.stringify(secret));
  const message = { type: "put", id, token, sealed, ...rest };
  const to = credentialAddress(tenant, id);
  if (once === null) return (await system.ask(to, message)) as Token;
  const { bodyHash } = once;
  const key = { source: "http", key: `tokens\n${once.key}`, bodyHash, hours: KEY_HOURS };
  return (await system.ask(to, message, { key })) as Token;
}

/** @throws INVALID. */
function patched(before: Token, { secret, ...more }: TokenPatch, nowMs: number): Token {
  if (secret !== undefined) checkKey(secret);
  checkHosts(more.allowed_hosts ?? []);
  const invalid = (text: string, pointer: string): RuntimeError =>
    new RuntimeError("INVALID", text, { pointer });
  const isKey = before.type === "api_key";
  if (secret !== undefined && !isKey) {
    throw invalid("Only a token of type api_key is given its secret; connect again.", "/secret");
  }
  if (more.expires_at !== undefined && !isKey) {
    throw invalid("The other side says when it ends.", "/expires_at");
  }
  const isLonger = more.expires_at !== undefined && before.status === "expired";
  const set = Object.entries(more).filter(([, value]) => value !== undefined);
  return {
    ...before,
    ...Object.fromEntries(set),
    ...((secret !== undefined || isLonger) && { status: "active", error: null }),
    updated_at: new Date(nowMs).toISOString(),
  };
}

function grantedToken(
  before: Token,
  { refresh, expiresAtMs, scopes, label }: Granted,
  { of, nowMs }: { readonly of: Integration; readonly nowMs: number },
): Token {
  return {
    ...before,
    ...{ status: "active", error: null, scopes: scopes ?? of.scopes ?? [] },
    expires_at: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    can_refresh: refresh !== undefined,
    account_label: label ?? before.account_label,
    updated_at: new Date(nowMs).toISOString(),
  };
}

/** The id of the token of a use: one that is known, or a new one that nobody else takes. */
async function claimed(
  { system, nowMs }: TokenOptions,
  tenant: string,
  use: string,
): Promise<string> {
  const { tables } = system;
  const known = await tables.get(tenant, tokenTables.uses, use);
  if (known !== undefined) return (known.value as TokenUse).id;
  if ((await tables.counter(tenant, COUNTER)) >= tokenLimits.records) {
    const text = `A tenant has at most ${tokenLimits.records} tokens.`;
    throw new RuntimeError("CONFLICT", text, { limit: tokenLimits.records });
  }
  const id = newId("tk", nowMs());
  const value: TokenUse = { id, status: "error" };
  try {
    await tables.write(tenant, [
      { type: "put-if", table: tokenTables.uses, id: use, value, revision: null },
      { type: "add", counter: COUNTER, delta: 1 },
    ]);
    return id;
  } catch (error) {
    const isTaken = error instanceof RuntimeError && error.code === "REVISION_MISMATCH";
    const winner = isTaken ? await tables.get(tenant, tokenTables.uses, use) : undefined;
    if (winner === undefined) throw error;
    return (winner.value as TokenUse).id;
  }
}

/** A token is deleted here whatever the other side says. */
async function revokedThere(
  { system, integrations, vault, oauth }: TokenOptions,
  tenant: string,
  { id, type, integration }: Token,
): Promise<boolean> {
  if (type === "api_key") return false;
  try {
    const row = await system.tables.get(tenant, tokenTables.secrets, id);
    if (row === undefined) return false;
    const sealed = row.value as SealedSecret;
    const secret = JSON.parse(vault.open(tokenPlace(tenant, sealed), sealed.sealed)) as TokenSecret;
    return await oauth.revoke(await integrations.get(tenant, integration), secret);
  } catch (error) {
    if (error instanceof RuntimeError) return false;
    throw error;
  }
}

function newToken(
  of: Integration,
  input: Omit<TokenInput, "secret"> & { readonly id: string; readonly nowMs: number },
): Token {
  const at = new Date(input.nowMs).toISOString();
  const isOwn = of.type === "client_credentials";
  return {
    id: input.id,
    integration: of.name,
    user_key: input.user_key ?? null,
    type: of.type,
    scopes: input.scopes ?? of.scopes ?? [],
    allowed_hosts: input.allowed_hosts ?? null,
    status: "active",
    error: null,
    // What has no secret yet is renewed when it is first used.
    expires_at: isOwn ? at : (input.expires_at ?? null),
    can_refresh: isOwn,
    account_label: input.account_label ?? null,
    generation: 0,
    created_at: at,
    updated_at: at,
  };
}

/** @throws INVALID. */
function firstSecret({ type }: Integration, { secret }: TokenInput): TokenSecret | null {
  const pointer = "/secret";
  if (type === "oauth2") {
    const text = "A person connects an account of this integration: POST /v2/tokens/connect.";
    throw new RuntimeError("INVALID", text, { pointer: "/integration" });
  }
  if (type === "client_credentials") {
    if (secret === undefined) return null;
    throw new RuntimeError("INVALID", "The server gets this token by itself.", { pointer });
  }
  if (secret === undefined) throw new RuntimeError("INVALID", "It is missing.", { pointer });
  checkKey(secret);
  return { access: secret };
}

/** It becomes a header: what would end one early is no key. */
function checkKey(secret: string): void {
  if (/^[\x20-\x7e]+$/.test(secret)) return;
  throw new RuntimeError("INVALID", "A secret has printable ASCII characters.", {
    pointer: "/secret",
  });
}

function asInvalid(error: unknown, pointer: string): unknown {
  if (!(error instanceof RuntimeError) || error.code !== "NOT_FOUND") return error;
  return new RuntimeError("INVALID", error.message, { pointer }, { cause: error });
}

async function listed(
  tables: System["tables"],
  tenant: string,
  { limit, after }: PageRequest,
  { user, integration }: TokenFilter,
): Promise<Page<Token>> {
  const items: Token[] = [];
  let last = after;
  for (let read = 0; read < ROWS_MAX; read += ROWS_AT_ONCE) {
    const from = last === undefined ? {} : { after: last };
    const page = { ...from, limit: ROWS_AT_ONCE, reverse: true };
    const rows = await tables.list(tenant, tokenTables.tokens, page);
    for (const { id, value } of rows) {
      const token = value as Token;
      const isOf = integration === undefined || token.integration === integration;
      if (isOf && (user === undefined || token.user_key === user)) {
        if (items.length === limit) return { items, next: last ?? null };
        items.push(token);
      }
      last = id;
    }
    if (rows.length < ROWS_AT_ONCE) return { items, next: null };
  }
  return { items, next: last ?? null };
}
