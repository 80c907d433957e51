// Accounts that a person has consented to and that are nobody's yet: kept, sealed and for minutes, until the
// application says which of its users came back to it. For another user than the link was made for, and when
// nobody says it in time, the account is given back instead: who forwards a link of theirs gains nothing.

import { type Token, tokenLimits, tokenTables } from "../../../actors/records/token.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { TableWrite } from "../../../runtime/system.ts";
import { byServer } from "../../audit/act.ts";
import { auditWrites } from "../../audit/audit-writes.ts";
import type { Granted, OAuth } from "../../credentials/oauth.ts";
import type { Caller } from "./agent-store.ts";
import type { RowsOfTime } from "./connect-rows.ts";
import { newTimedName, partsOf, timedId } from "./connect-secrets.ts";
import { isOver } from "./grant-ends.ts";
import type { IntegrationService } from "./integrations.ts";
import type { Connected, TokenService } from "./tokens.ts";

/** Read at once when their time is over. */
const ENDED_AT_ONCE = 20;
/** The other side, or the way to it, is away. */
const FOR_A_TIME: ReadonlySet<string> = new Set([
  ...["PROVIDER_LIMITED", "PROVIDER_UNAVAILABLE", "DEADLINE", "POOL_FULL"],
]);

/** Whose account it is to be, by which link. */
export interface GrantOf extends Connected {
  readonly link: string;
}

/** What they need. */
export interface GrantOptions extends RowsOfTime {
  readonly integrations: Pick<IntegrationService, "get">;
  readonly tokens: Pick<TokenService, "keep">;
  readonly oauth: Pick<OAuth, "revoke">;
}

/** A row. `granted` is JSON of a Granted, sealed by the tables. */
interface GrantRow {
  readonly link: string;
  readonly integration: string;
  readonly user: string | null;
  readonly by: string;
  readonly granted: string;
  readonly untilMs: number;
}

/** Keeps one until it is confirmed. @returns its name, which only the browser and the application know. */
export async function keepGrant(
  options: GrantOptions,
  { tenant, ...of }: GrantOf,
  granted: Granted,
): Promise<string> {
  const { tables, nowMs } = options;
  const untilMs = nowMs() + tokenLimits.stateMs;
  const name = newTimedName(tenant, untilMs);
  const value: GrantRow = { ...of, granted: JSON.stringify(granted), untilMs };
  await tables.write(tenant, [
    { type: "put", table: tokenTables.grants, id: timedId(name), value },
  ]);
  // The rounds of grant-ends.ts come there too, and tell of what fails.
  void endGrantsOf(options, tenant).catch(() => undefined);
  return name;
}

/**
 * Gives back those of a tenant that nobody has confirmed in their time. One that the other side cannot take back at
 * the moment stays for the next time, for a day.
 */
export async function endGrantsOf(options: GrantOptions, tenant: string): Promise<void> {
  const { tables, nowMs } = options;
  for (let after: string | undefined; ; ) {
    const page = { limit: ENDED_AT_ONCE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, tokenTables.grants, page);
    for (const { id, value } of rows) {
      // They lie in the order in which they end.
      if (!isOver(value, nowMs())) return;
      await endGrant(options, tenant, id);
    }
    after = rows.at(-1)?.id;
    if (rows.length < ENDED_AT_ONCE) return;
  }
}

async function endGrant(options: GrantOptions, tenant: string, id: string): Promise<void> {
  const { tables, nowMs } = options;
  const place = { table: tokenTables.grants, id } as const;
  const row = await tables.get(tenant, place.table, id);
  if (row === undefined) return;
  const { link, integration, user, granted, untilMs } = row.value as GrantRow;
  const back = await givenBack(options, { tenant, integration }, JSON.parse(granted) as Granted);
  if (back === "later" && nowMs() < untilMs + tokenLimits.giveBackMs) return;
  const details = { integration, user, given_back: back === "yes" };
  const what = { action: "token.connect-expired", subject: link, details };
  const removed: TableWrite = { type: "remove", ...place, revision: row.revision };
  await tables.write(tenant, [removed, ...auditWrites(byServer, what)]).catch((error: unknown) => {
    if (!isMismatch(error)) throw error;
  });
}

/**
 * Makes it the token of the user that it was asked for. Once: whoever is named, it is not kept after that.
 * @throws NOT_FOUND; FORBIDDEN for another user, and it is given back to the other service.
 */
export async function completeGrant(
  options: GrantOptions,
  { tenant }: Pick<Caller, "tenant">,
  { connection, user }: { readonly connection: string; readonly user: string | null },
): Promise<Token> {
  const { tables, tokens, nowMs } = options;
  const place = { table: tokenTables.grants, id: timedId(connection) } as const;
  const isOwn = partsOf(connection)[0] === tenant;
  const row = isOwn ? await tables.get(tenant, place.table, place.id) : undefined;
  const grant = row?.value as GrantRow | undefined;
  if (row === undefined || grant === undefined || grant.untilMs < nowMs()) throw unknown();
  const taken: TableWrite = { type: "remove", ...place, revision: row.revision };
  const { link, integration, user: wanted, by } = grant;
  const isTheirs = wanted === user;
  const details = { integration, user: wanted, came: user };
  const what = { action: "token.connect-refused", subject: link, details };
  const told = isTheirs ? [] : auditWrites(byServer, what);
  await tables.write(tenant, [taken, ...told]).catch((error: unknown) => {
    throw isMismatch(error) ? unknown() : error;
  });
  const granted = JSON.parse(grant.granted) as Granted;
  if (!isTheirs) {
    await givenBack(options, { tenant, integration }, granted);
    const text =
      "The link was made for another user than the one who came back with it: the account was not connected.";
    throw new RuntimeError("FORBIDDEN", text);
  }
  const token = await tokens.keep({ tenant, integration, user, by }, granted);
  await tables.write(tenant, [{ type: "remove", table: tokenTables.links, id: link }]);
  return token;
}

/** As far as the other side does it. "no": it has no way to, or refuses; "later": it may do it another time. */
async function givenBack(
  { integrations, oauth }: GrantOptions,
  { tenant, integration }: { readonly tenant: string; readonly integration: string },
  granted: Granted,
): Promise<"yes" | "no" | "later"> {
  try {
    const of = await integrations.get(tenant, integration);
    return (await oauth.revoke(of, granted)) ? "yes" : "no";
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return FOR_A_TIME.has(error.code) ? "later" : "no";
  }
}

function unknown(): RuntimeError {
  const text = "This connection is not known, was completed, or its time is over.";
  return new RuntimeError("NOT_FOUND", text);
}

function isMismatch(error: unknown): boolean {
  return error instanceof RuntimeError && error.code === "REVISION_MISMATCH";
}
