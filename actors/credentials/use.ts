// The token of a call: whose it is, and whether it is fit to be sent. Runs know tokens by their ids
// alone; the secret is put in where the request is made.

import type { RunContext } from "../../runtime/actor.ts";
import type { Ports } from "../ports.ts";
import { audit } from "../records/audit.ts";
import { type Integration, integrationsTable } from "../records/integration.ts";
import { type Token, type TokenUse, tokenLimits, tokenTables, useId } from "../records/token.ts";
import { credentialAddress } from "./credential.ts";
import type { Settled } from "./runs.ts";

/** What a tool says of the token that its requests have. */
export interface TokenRef {
  /** Name of an integration: the user's token, else the tenant's. Or `tk_`: that one. */
  readonly token: string;
  /** The user of the run; absent: it names none. */
  readonly user?: string;
  /** Where its requests go, for the audit. */
  readonly url?: string;
}

/** A token that is fit to be sent. */
export interface UsedToken {
  readonly id: string;
  readonly generation: number;
}

/**
 * Has the token of work that is under way renewed, as steps with this key; `refused`: the other side does not take
 * it. @throws AUTH_REQUIRED when there is none that is fit.
 */
export type RenewedToken = (key: string, refused?: UsedToken) => Promise<UsedToken>;

/** Whether there is one. */
export type FoundToken =
  | { readonly status: "ready"; readonly token: UsedToken }
  | { readonly status: "later"; readonly message: string }
  /** A person has to connect an account of this integration. */
  | {
      readonly status: "connect";
      readonly integration: string;
      readonly user: string | null;
      readonly reason: string;
      /** Whether its page asks for a code. Default false. */
      readonly withCode?: boolean;
    };

/** Whose call it is, and where it stands. */
export interface TokenPlace {
  /** Of the steps, unique within the run. */
  readonly key: string;
  /** A secret that the other side did not take. */
  readonly refused?: UsedToken;
}

type Context = RunContext<Ports>;
/** Longer than a renewal takes. */
const ASK_MS = tokenLimits.renewMs + 45_000;

/** Looks up the token, and has it renewed where that is needed. As steps: a run that is resumed takes what was found. */
export async function findToken(
  context: Context,
  ref: TokenRef,
  { key, refused }: TokenPlace,
): Promise<FoundToken> {
  const { user } = ref;
  const found = await context.step(`token:${key}`, () => look(context, ref, user), {
    ...{ repeat: "safe", local: true, input: { ref: ref.token, user: user ?? null } },
  });
  if (found.status !== "known") return found;
  const { id, generation, integration, isFresh } = found;
  if (isFresh && refused === undefined) return { status: "ready", token: { id, generation } };
  const to = credentialAddress(context.tenant, id);
  const message = { type: "use", id, ...(refused?.id === id && { refused: refused.generation }) };
  const settled = (await context.ask(`token-use:${key}`, to, message, {
    timeoutMs: ASK_MS,
  })) as Settled;
  switch (settled.status) {
    case "ready":
      return { status: "ready", token: { id, generation: settled.generation } };
    case "later":
      return { status: "later", message: settled.message };
    case "connect":
      // Of another type nobody is sent to a page: its key is changed by whoever keeps it.
      if (found.type !== "oauth2") return { status: "later", message: settled.reason };
      return {
        ...{ status: "connect", integration, user: found.user, reason: settled.reason },
        withCode: await wantsCode(context, integration, key),
      };
  }
}

/** What a look gives. */
type Looked =
  | Exclude<FoundToken, { status: "ready" }>
  | (UsedToken & {
      readonly status: "known";
      readonly integration: string;
      readonly user: string | null;
      readonly type: Token["type"];
      readonly isFresh: boolean;
    });

async function look(context: Context, ref: TokenRef, user: string | undefined): Promise<Looked> {
  const isId = ref.token.startsWith("tk_");
  const id = isId ? ref.token : await idFor(context, ref.token, user ?? null);
  const token =
    id === null ? undefined : ((await context.row(tokenTables.tokens, id)) as Token | undefined);
  const isOthers = token?.user_key != null && token.user_key !== user;
  if (isId && (token === undefined || isOthers)) {
    return { status: "later", message: `There is no token ${ref.token} for this run.` };
  }
  if (token === undefined) {
    const of = await integrationOf(context, ref.token);
    if (of === undefined)
      return { status: "later", message: `There is no integration ${ref.token}.` };
    if (of.type !== "oauth2") {
      return { status: "later", message: `No token of ${ref.token} is kept for this run.` };
    }
    const reason = "Nobody has connected an account yet.";
    const withCode = of.confirmation === "code";
    return { status: "connect", integration: ref.token, user: user ?? null, reason, withCode };
  }
  const { generation, integration, user_key, expires_at, status } = token;
  const leftMs =
    expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at) - Date.now();
  const isFresh = status === "active" && leftMs > tokenLimits.earlyMs;
  return {
    status: "known",
    id: token.id,
    generation,
    integration,
    user: user_key,
    type: token.type,
    isFresh,
  };
}

/** Whether the page of a link to connect an account anew asks for a code. As a step. */
function wantsCode(context: Context, integration: string, key: string): Promise<boolean> {
  const look = async (): Promise<boolean> => {
    return (await integrationOf(context, integration))?.confirmation === "code";
  };
  return context.step(`token-code:${key}`, look, { repeat: "safe", local: true });
}

/** The tenant's, else the operator's. */
async function integrationOf(context: Context, name: string): Promise<Integration | undefined> {
  const own = (await context.row(integrationsTable, name)) as Integration | undefined;
  return own ?? context.ports.credentials.operators.get(context.tenant, name);
}

/** The user's own, else the tenant's. */
async function idFor(
  context: Context,
  integration: string,
  user: string | null,
): Promise<string | null> {
  const of = async (one: string | null): Promise<string | null> => {
    const row = (await context.row(tokenTables.uses, useId(integration, one))) as
      | TokenUse
      | undefined;
    return row?.id ?? null;
  };
  return (user === null ? null : await of(user)) ?? (await of(null));
}

/** Says in the audit that a token was used, with the end of the run. */
export function noteUse(
  context: Context,
  { id }: UsedToken,
  {
    tool,
    host,
    user,
  }: { readonly tool: string; readonly host: string; readonly user: string | undefined },
): void {
  context.atEnd((turn) => {
    const details = { tool, host, user: user ?? null };
    audit(turn, { action: "token.use", by: "run", subject: id, run_id: context.id, details });
    turn.putRow(tokenTables.used, id, new Date(turn.nowMs).toISOString());
  });
}
