// Connecting an account: a link, opened in one browser, leads to the other side and back. What comes back counts
// once, soon, and in that browser alone: a link or an address that is sent on to somebody else cannot
// attach that person's account, nor anybody a code of their own.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { tokenWaitAddress } from "../../../actors/credentials/token-wait.ts";
import { type ConnectLink, tokenLimits, tokenTables } from "../../../actors/records/token.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, Tables, TableWrite } from "../../../runtime/system.ts";
import type { OAuth } from "../../credentials/oauth.ts";
import type { Caller } from "./agent-store.ts";
import { callbackPath } from "./credentials-path.ts";
import type { IntegrationService } from "./integrations.ts";
import type { TokenService } from "./tokens.ts";

/** A link for a person. */
export interface MadeLink {
  /** Of its path: /v2/tokens/connect/{id}. */
  readonly id: string;
  readonly untilMs: number;
}

/** Where a browser goes, and the cookie that it is known by. */
export interface Started {
  readonly location: string;
  readonly cookie: string;
}

/** What a person is told who comes back. */
export interface Ended {
  readonly integration: string;
  readonly user: string | null;
  readonly account: string | null;
}

/** Connects accounts. */
export interface ConnectService {
  /** @throws INVALID for an integration that nobody consents to. */
  link(
    caller: Caller,
    input: { readonly integration: string; readonly user_key?: string | null },
  ): Promise<MadeLink>;
  /** @throws NOT_FOUND, FORBIDDEN for another browser than the first, and what the other side's metadata fails with. */
  start(id: string, browser: Browser): Promise<Started>;
  /** @throws NOT_FOUND for a state that is unknown, used or over, FORBIDDEN, PROVIDER_FAILED. */
  finish(query: URLSearchParams, browser: Pick<Browser, "cookie">): Promise<Ended>;
}

/** What is known of a browser. */
export interface Browser {
  /** Value of its cookie; null: it has none. */
  readonly cookie: string | null;
  /** Where this server is for it, without a final slash. */
  readonly base: string;
}

/** What it needs. */
export interface ConnectOptions {
  readonly tables: Tables;
  readonly integrations: Pick<IntegrationService, "get">;
  readonly tokens: Pick<TokenService, "keep">;
  readonly oauth: OAuth;
  readonly send: System["send"];
  nowMs(): number;
}

const SECRET_BYTES = 32;
const TENANT = /^[A-Za-z0-9_]{1,64}$/;
const COOKIE = /^[A-Za-z0-9_-]{43}$/;
/** Rows whose time is over are removed with each new one: more than come. */
const FORGOTTEN_AT_ONCE = 10;

/** A row of states. `verifier` is sealed by the tables. */
interface StateRow {
  readonly link: string;
  readonly integration: string;
  readonly user: string | null;
  readonly by: string;
  readonly browser: string;
  readonly verifier: string;
  readonly redirectUri: string;
  readonly untilMs: number;
}

/** The service. */
export function createConnect(options: ConnectOptions): ConnectService {
  const { tables, integrations, tokens, oauth, nowMs } = options;
  const forget = async (tenant: string, table: string): Promise<readonly TableWrite[]> => {
    const rows = await tables.list(tenant, table, { limit: FORGOTTEN_AT_ONCE });
    return rows.flatMap(({ id, value }): readonly TableWrite[] => {
      const { untilMs } = value as { readonly untilMs: number };
      return untilMs < nowMs() ? [{ type: "remove", table, id }] : [];
    });
  };
  return {
    link: async ({ tenant, keyId }, { integration, user_key = null }) => {
      const of = await integrations.get(tenant, integration).catch((error: unknown) => {
        throw asInvalid(error);
      });
      if (of.type !== "oauth2") {
        const text = `Nobody consents to an integration of type ${of.type}: POST /v2/tokens.`;
        throw new RuntimeError("INVALID", text, { pointer: "/integration" });
      }
      const untilMs = nowMs() + tokenLimits.stateMs;
      const id = newId("cn", nowMs());
      const value: ConnectLink = { integration, user_key, untilMs, by: keyId ?? "operator" };
      const old = await forget(tenant, tokenTables.links);
      await tables.write(tenant, [{ type: "put", table: tokenTables.links, id, value }, ...old]);
      return { id: `${tenant}.${id}`, untilMs };
    },
    start: async (path, { cookie, base }) => {
      const [tenant, id] = partsOf(path);
      const row = tenant === "" ? undefined : await tables.get(tenant, tokenTables.links, id);
      const link = row?.value as ConnectLink | undefined;
      if (row === undefined || link === undefined || link.untilMs < nowMs()) throw over();
      const known = cookie !== null && COOKIE.test(cookie) ? cookie : null;
      if (link.browser !== undefined && (known === null || !isHashOf(known, link.browser))) {
        const text = "This link was opened in another browser before; ask for a new one.";
        throw new RuntimeError("FORBIDDEN", text);
      }
      const own = known ?? randomBytes(SECRET_BYTES).toString("base64url");
      const of = await integrations.get(tenant, link.integration);
      const untilMs = nowMs() + tokenLimits.stateMs;
      const state = `${tenant}.${untilMs}.${randomBytes(SECRET_BYTES).toString("base64url")}`;
      const verifier = randomBytes(SECRET_BYTES).toString("base64url");
      const redirectUri = `${base}${callbackPath}`;
      const location = await oauth.authorization(of, { state, verifier, redirectUri });
      const value: StateRow = {
        ...{ link: id, integration: link.integration, user: link.user_key, by: link.by },
        ...{ browser: hashOf(own), verifier, redirectUri, untilMs },
      };
      const { revision } = row;
      const taken: ConnectLink = { ...link, browser: hashOf(own) };
      await tables.write(tenant, [
        { type: "put-if", table: tokenTables.links, id, value: taken, revision },
        { type: "put", table: tokenTables.states, id: stateId(state), value },
        ...(await forget(tenant, tokenTables.states)),
      ]);
      return { location, cookie: own };
    },
    finish: async (query, { cookie }) => {
      const given = query.get("state") ?? "";
      const [tenant] = partsOf(given);
      const place = { table: tokenTables.states, id: stateId(given) } as const;
      const row = tenant === "" ? undefined : await tables.get(tenant, place.table, place.id);
      const state = row?.value as StateRow | undefined;
      if (row === undefined || state === undefined || state.untilMs < nowMs()) throw over();
      // Before it is used up: who has only the address cannot take it from who began.
      if (cookie === null || !isHashOf(cookie, state.browser)) {
        const text =
          "This was begun in another browser; open the link there, or ask for a new one.";
        throw new RuntimeError("FORBIDDEN", text);
      }
      const { revision } = row;
      await tables
        .write(tenant, [{ type: "remove", ...place, revision }])
        .catch((error: unknown) => {
          throw usedUp(error);
        });
      const { integration, user, by, verifier, redirectUri } = state;
      const of = await integrations.get(tenant, integration);
      const callback = { query, state: given, verifier, redirectUri };
      const granted = await oauth.exchange(of, callback).catch(async (error: unknown) => {
        if (isDeclined(error)) await declined(options, tenant, state.link);
        throw error;
      });
      const token = await tokens.keep({ tenant, integration, user, by }, granted);
      await tables.write(tenant, [{ type: "remove", table: tokenTables.links, id: state.link }]);
      return { integration, user, account: token.account_label };
    },
  };
}

/** `tenant.rest`; "" for what is not so. */
function partsOf(text: string): readonly [string, string] {
  const at = text.indexOf(".");
  const tenant = text.slice(0, Math.max(0, at));
  const rest = text.slice(at + 1);
  const isRight = TENANT.test(tenant) && /^[\x21-\x7d]{1,200}$/.test(rest);
  return isRight ? [tenant, rest] : ["", ""];
}

/** Sorts by its end, and says nothing of the state. */
function stateId(state: string): string {
  const [, until = "0"] = state.split(".");
  return `${until
    .slice(0, 15)
    .padStart(15, "0")
    .replace(/[^0-9]/g, "0")}.${hashOf(state)}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function isHashOf(text: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(text)), Buffer.from(hash));
}

/** The run that waits for this link goes on without it. */
async function declined(
  { tables, send }: ConnectOptions,
  tenant: string,
  id: string,
): Promise<void> {
  const row = await tables.get(tenant, tokenTables.links, id);
  const { root } = (row?.value ?? {}) as Partial<ConnectLink>;
  if (root !== undefined) await send(tokenWaitAddress(tenant, root), { type: "declined", id });
}

function isDeclined(error: unknown): boolean {
  return error instanceof RuntimeError && error.details?.["reason"] === "access_denied";
}

function over(): RuntimeError {
  return new RuntimeError(
    "NOT_FOUND",
    "This link is not known, was used, or its time is over; ask for a new one.",
  );
}

function usedUp(error: unknown): unknown {
  return error instanceof RuntimeError && error.code === "REVISION_MISMATCH" ? over() : error;
}

function asInvalid(error: unknown): unknown {
  if (!(error instanceof RuntimeError) || error.code !== "NOT_FOUND") return error;
  return new RuntimeError("INVALID", error.message, { pointer: "/integration" }, { cause: error });
}
