// Connecting an account. A link is opened, says whom the account is for and who asks, and is confirmed in that
// browser; then it leads to the other side and back. What comes back counts once, soon, and in that browser
// alone. Where the integration wants it, a code is asked for that the link has not, or the application says
// who came back before anything is kept.

import {
  connectCodeLimits,
  newConnectCode,
  plainCode,
} from "../../../actors/credentials/connect-code.ts";
import { tokenWaitAddress } from "../../../actors/credentials/token-wait.ts";
import type { Integration } from "../../../actors/records/integration.ts";
import {
  type ConnectLink,
  type Token,
  tokenLimits,
  tokenTables,
} from "../../../actors/records/token.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, TableRow } from "../../../runtime/system.ts";
import { byServer } from "../../audit/act.ts";
import { auditWrites } from "../../audit/audit-writes.ts";
import type { OAuth } from "../../credentials/oauth.ts";
import type { Caller } from "./agent-store.ts";
import { type Asker, askerOf } from "./connect-asker.ts";
import { completeGrant, endGrantsOf, type GrantOptions, keepGrant } from "./connect-grants.ts";
import { forgotten } from "./connect-rows.ts";
import {
  hashOf,
  isHashOf,
  isProof,
  knownCookie,
  newSecret,
  newTimedName,
  partsOf,
  proofOf,
  timedId,
} from "./connect-secrets.ts";
import { callbackPath } from "./credentials-path.ts";

/** A link for a person. */
export interface MadeLink {
  /** Of its path: /v2/tokens/connect/{id}. */
  readonly id: string;
  readonly untilMs: number;
  /** What its page asks for; null: nothing. */
  readonly code: string | null;
}

/** What the page of a link shows, and what its form sends back. */
export interface Looked extends Asker {
  readonly integration: Pick<
    Integration,
    "name" | "title" | "scopes" | "allowed_hosts" | "confirmation"
  >;
  /** Null: the whole tenant. */
  readonly user: string | null;
  readonly withCode: boolean;
  readonly proof: string;
  /** The browser is known by it from here on. */
  readonly cookie: string;
}

/** What a form brings. */
export interface Confirmed {
  readonly proof: string;
  readonly code: string;
}

/** What a person is told who comes back; or where they go on to. */
export type Ended =
  | {
      readonly type: "connected";
      readonly integration: string;
      readonly user: string | null;
      readonly account: string | null;
    }
  | { readonly type: "go-on"; readonly location: string };

/** Connects accounts. */
export interface ConnectService {
  /** @throws INVALID for an integration that nobody consents to. */
  link(
    caller: Caller,
    input: { readonly integration: string; readonly user_key?: string | null },
  ): Promise<MadeLink>;
  /** Changes nothing: whoever looks at a link (a mail scanner, a preview) does not use it up. @throws NOT_FOUND, FORBIDDEN. */
  look(id: string, cookie: string | null): Promise<Looked>;
  /**
   * The person has confirmed. @returns where the browser goes. @throws NOT_FOUND; FORBIDDEN for a form of another
   * page, another browser than the first, or a wrong code; and what the other side's metadata fails with.
   */
  begin(id: string, browser: Browser, given: Confirmed): Promise<string>;
  /** The person has said that it was not them: the link is gone, and a run goes on without. @throws NOT_FOUND, FORBIDDEN. */
  refuse(id: string, browser: Pick<Browser, "cookie">, given: Confirmed): Promise<void>;
  /** @throws NOT_FOUND for a state that is unknown, used or over, FORBIDDEN, PROVIDER_FAILED. */
  finish(query: URLSearchParams, browser: Pick<Browser, "cookie">): Promise<Ended>;
  /** Gives back what no application of a tenant has confirmed in its time. */
  end(tenant: string): Promise<void>;
  /** The application says who came back. @throws NOT_FOUND, FORBIDDEN. */
  complete(
    caller: Caller,
    input: { readonly connection: string; readonly user: string | null },
  ): Promise<Token>;
}

/** What is known of a browser. */
export interface Browser {
  /** Value of its cookie; null: it has none. */
  readonly cookie: string | null;
  /** Where this server is for it, without a final slash. */
  readonly base: string;
}

/** What it needs. */
export interface ConnectOptions extends GrantOptions {
  readonly oauth: OAuth;
  readonly system: Pick<System, "tables" | "run" | "send">;
}

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

/** A link that can be gone on with. */
interface OpenLink {
  readonly tenant: string;
  readonly id: string;
  readonly row: TableRow;
  readonly link: ConnectLink;
}

/** The service. */
export function createConnect(options: ConnectOptions): ConnectService {
  const { integrations, system } = options;
  return {
    link: (caller, input) => made(options, caller, input),
    look: async (path, cookie) => {
      const { tenant, link } = await opened(options, path);
      const known = knownCookie(cookie);
      checkBrowser(link, known);
      const own = known ?? newSecret();
      return {
        ...(await askerOf(system, tenant, link)),
        integration: await integrations.get(tenant, link.integration),
        user: link.user_key,
        withCode: link.code !== undefined,
        proof: proofOf(own, path),
        cookie: own,
      };
    },
    begin: (path, browser, given) => begun(options, { path, browser }, given),
    refuse: async (path, { cookie }, { proof }) => {
      const { tenant, id, link } = await opened(options, path);
      checkForm(link, { cookie, proof, path });
      const { integration, user_key: user, root } = link;
      const details = { integration, user };
      await options.tables.write(tenant, [
        { type: "remove", table: tokenTables.links, id },
        ...auditWrites(byServer, { action: "token.connect-refused", subject: id, details }),
      ]);
      await declined(options, { tenant, id, root });
    },
    finish: (query, { cookie }) => finished(options, query, cookie),
    end: (tenant) => endGrantsOf(options, tenant),
    complete: (caller, input) => completeGrant(options, caller, input),
  };
}

async function made(
  options: ConnectOptions,
  { tenant, keyId }: Caller,
  {
    integration,
    user_key = null,
  }: { readonly integration: string; readonly user_key?: string | null },
): Promise<MadeLink> {
  const { tables, integrations, nowMs } = options;
  const of = await integrations.get(tenant, integration).catch((error: unknown) => {
    throw asInvalid(error);
  });
  if (of.type !== "oauth2") {
    const text = `Nobody consents to an integration of type ${of.type}: POST /v2/tokens.`;
    throw new RuntimeError("INVALID", text, { pointer: "/integration" });
  }
  const untilMs = nowMs() + tokenLimits.stateMs;
  const id = newId("cn", nowMs());
  const code = of.confirmation === "code" ? newConnectCode() : null;
  const value: ConnectLink = {
    ...{ integration, user_key, untilMs, by: keyId ?? "operator" },
    ...(code !== null && { code }),
  };
  await tables.write(tenant, [
    { type: "put", table: tokenTables.links, id, value },
    ...(await forgotten(options, tenant, tokenTables.links)),
  ]);
  return { id: `${tenant}.${id}`, untilMs, code };
}

/** @throws NOT_FOUND. */
async function opened({ tables, nowMs }: ConnectOptions, path: string): Promise<OpenLink> {
  const [tenant, id] = partsOf(path);
  const row = tenant === "" ? undefined : await tables.get(tenant, tokenTables.links, id);
  const link = row?.value as ConnectLink | undefined;
  if (row === undefined || link === undefined || link.untilMs < nowMs()) throw over();
  return { tenant, id, row, link };
}

/** The first browser that goes on with a link is the only one. @throws FORBIDDEN. */
function checkBrowser({ browser }: ConnectLink, cookie: string | null): void {
  if (browser === undefined || (cookie !== null && isHashOf(cookie, browser))) return;
  throw new RuntimeError(
    "FORBIDDEN",
    "Somebody went on with this link in another browser before; ask for a new one.",
  );
}

/** The form is of the page of this link, in this browser. @returns its cookie. @throws FORBIDDEN. */
function checkForm(
  link: ConnectLink,
  {
    cookie,
    proof,
    path,
  }: { readonly cookie: string | null; readonly proof: string; readonly path: string },
): string {
  const known = knownCookie(cookie);
  if (known === null || !isProof(proof, known, path)) {
    const text = "This was not sent by the page of the link; open the link again, with cookies.";
    throw new RuntimeError("FORBIDDEN", text);
  }
  checkBrowser(link, known);
  return known;
}

async function begun(
  options: ConnectOptions,
  { path, browser: { cookie, base } }: { readonly path: string; readonly browser: Browser },
  { proof, code }: Confirmed,
): Promise<string> {
  const { tables, integrations, oauth, nowMs } = options;
  const { tenant, id, row, link } = await opened(options, path);
  const own = checkForm(link, { cookie, proof, path });
  if (link.code !== undefined && !isCode(link, code, nowMs()))
    throw await wrongCode(options, { tenant, id, row, link });
  const of = await integrations.get(tenant, link.integration);
  const untilMs = nowMs() + tokenLimits.stateMs;
  const state = newTimedName(tenant, untilMs);
  const verifier = newSecret();
  const redirectUri = `${base}${callbackPath}`;
  const location = await oauth.authorization(of, { state, verifier, redirectUri });
  const value: StateRow = {
    ...{ link: id, integration: link.integration, user: link.user_key, by: link.by },
    ...{ browser: hashOf(own), verifier, redirectUri, untilMs },
  };
  const { revision } = row;
  const taken: ConnectLink = { ...link, browser: hashOf(own), wrong: 0 };
  await tables
    .write(tenant, [
      { type: "put-if", table: tokenTables.links, id, value: taken, revision },
      { type: "put", table: tokenTables.states, id: timedId(state), value },
      ...(await forgotten(options, tenant, tokenTables.states)),
    ])
    .catch((error: unknown) => {
      throw isMismatch(error) ? atOnce() : error;
    });
  return location;
}

function isCode(
  { code = "", lockedUntilMs = 0 }: ConnectLink,
  given: string,
  nowMs: number,
): boolean {
  return nowMs >= lockedUntilMs && isHashOf(plainCode(given), hashOf(plainCode(code)));
}

/** Counts it: what is not counted, since another one came at the same moment, is not answered either. */
async function wrongCode(
  { tables, nowMs }: ConnectOptions,
  { tenant, id, row, link }: OpenLink,
): Promise<RuntimeError> {
  const { wrong = 0, lockedUntilMs = 0 } = link;
  const again = `${Math.ceil(connectCodeLimits.pauseMs / 60_000)} minutes`;
  if (nowMs() < lockedUntilMs) {
    const text = `Too many wrong codes; the code of this link is looked at again in ${again}, or ask for a new link.`;
    return new RuntimeError("FORBIDDEN", text);
  }
  const isLast = wrong + 1 >= connectCodeLimits.wrong;
  const counted: ConnectLink = {
    ...link,
    ...(isLast
      ? { wrong: 0, lockedUntilMs: nowMs() + connectCodeLimits.pauseMs }
      : { wrong: wrong + 1 }),
  };
  const put = { type: "put-if", table: tokenTables.links, id, value: counted } as const;
  try {
    await tables.write(tenant, [{ ...put, revision: row.revision }]);
  } catch (error) {
    if (!isMismatch(error)) throw error;
    return atOnce();
  }
  const text = "This is not the code of this link: it was told to whoever asked for the link.";
  return new RuntimeError("FORBIDDEN", text);
}

async function finished(
  options: ConnectOptions,
  query: URLSearchParams,
  cookie: string | null,
): Promise<Ended> {
  const { tables, tokens, integrations, oauth, nowMs } = options;
  const given = query.get("state") ?? "";
  const [tenant] = partsOf(given);
  const place = { table: tokenTables.states, id: timedId(given) } as const;
  const row = tenant === "" ? undefined : await tables.get(tenant, place.table, place.id);
  const state = row?.value as StateRow | undefined;
  if (row === undefined || state === undefined || state.untilMs < nowMs()) throw over();
  // Before it is used up: who has only the address cannot take it from who began.
  if (cookie === null || !isHashOf(cookie, state.browser)) {
    const text = "This was begun in another browser; open the link there, or ask for a new one.";
    throw new RuntimeError("FORBIDDEN", text);
  }
  const { revision } = row;
  await tables.write(tenant, [{ type: "remove", ...place, revision }]).catch((error: unknown) => {
    throw isMismatch(error) ? over() : error;
  });
  const { link, integration, user, by, verifier, redirectUri } = state;
  const of = await integrations.get(tenant, integration);
  const callback = { query, state: given, verifier, redirectUri };
  const granted = await oauth.exchange(of, callback).catch(async (error: unknown) => {
    if (isDeclined(error)) await declinedThere(options, tenant, link);
    throw error;
  });
  const whose = { tenant, integration, user, by };
  if (of.confirmation === "application") {
    const connection = await keepGrant(options, { ...whose, link }, granted);
    const location = new URL(of.return_url ?? "");
    location.searchParams.set("connection", connection);
    return { type: "go-on", location: location.href };
  }
  const token = await tokens.keep(whose, granted);
  await tables.write(tenant, [{ type: "remove", table: tokenTables.links, id: link }]);
  return { type: "connected", integration, user, account: token.account_label };
}

async function declinedThere(options: ConnectOptions, tenant: string, id: string): Promise<void> {
  const row = await options.tables.get(tenant, tokenTables.links, id);
  const { root } = (row?.value ?? {}) as Partial<ConnectLink>;
  await declined(options, { tenant, id, root });
}

/** The run that waits for this link goes on without it. */
async function declined(
  { system }: ConnectOptions,
  {
    tenant,
    id,
    root,
  }: { readonly tenant: string; readonly id: string; readonly root: string | undefined },
): Promise<void> {
  if (root === undefined) return;
  await system.send(tokenWaitAddress(tenant, root), { type: "declined", id });
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

function atOnce(): RuntimeError {
  return new RuntimeError("FORBIDDEN", "This link was used at the same moment; open it again.");
}

function isMismatch(error: unknown): boolean {
  return error instanceof RuntimeError && error.code === "REVISION_MISMATCH";
}

function asInvalid(error: unknown): unknown {
  if (!(error instanceof RuntimeError) || error.code !== "NOT_FOUND") return error;
  return new RuntimeError("INVALID", error.message, { pointer: "/integration" }, { cause: error });
}
