// Kind `credential`: one actor for each token, which is one for each tenant, user and integration. It alone
// writes the token and its secret, so that of a hundred runs that need a fresh one a single request goes
// out, and what came of it is stored before any of them goes on.

import { defineActor, type Outcome, type RunEnded, type Turn } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { limits } from "../limits.ts";
import { type AuditSource, audit } from "../records/audit.ts";
import { type Integration, integrationsTable } from "../records/integration.ts";
import {
  type SealedSecret,
  type Token,
  type TokenUse,
  tokenLimits,
  tokenTables,
  useId,
} from "../records/token.ts";
import { type WebhookInput, webhookKind } from "../webhook.ts";
import type { Notice } from "../webhooks.ts";
import { isIdle, RENEWALS_MAX, renewalDueMs } from "./renewal-time.ts";
import { type Renewed, renewKind, type Settled, waitKey, waitKind } from "./runs.ts";

/** What it is told. `id`: of the token. */
export type CredentialMessage =
  /** Is it fit to be sent? Answered with `Settled`, after a renewal if it takes one. */
  | {
      readonly type: "use";
      readonly id: string;
      /** Generation of a secret that the other side did not take. */
      readonly refused?: number;
    }
  /** Another record, with a new secret or (null) the one that is stored. Answered with the token. */
  | {
      readonly type: "put";
      readonly id: string;
      readonly token: Token;
      readonly sealed: string | null;
      /** Who and from where; of an earlier server who alone. */
      readonly by: string | AuditSource;
      readonly action: string;
      /** Of the token that it takes the place of; null: there is none. @throws CONFLICT. */
      readonly generation: number | null;
    }
  | { readonly type: "remove"; readonly id: string; readonly by: string | AuditSource }
  /** Its time to be renewed has come. */
  | { readonly type: "due"; readonly id: string }
  | RunEnded;

/** State. Version 1. */
export interface CredentialState {
  readonly id: string;
  /** The renewal under way, or "". */
  readonly renewing: string;
  /** Runs that wait for it. */
  readonly waiting: readonly string[];
  /** After a failure for a time: not before, ms since the epoch. */
  readonly notBeforeMs: number;
  readonly failures: number;
  /** Of the token that was put last; absent in states that are older. */
  readonly integration?: string;
}

const KIND = "credential";
/** Name of the timer. */
const DUE = "renew";
/** Runs that wait for one renewal; one more is told to come later. */
const WAITING_MAX = 5_000;
/** Pauses after renewals that failed for a time, ms: the first, and the most. */
const PAUSE_MS = 2_000;
const PAUSE_MS_MAX = 300_000;
const WAIT_RUN_MS = tokenLimits.renewMs + 60_000;

/** Address of the actor of a token. */
export function credentialAddress(tenant: string, id: string): Address {
  return address({ kind: KIND, tenant, root: id });
}

/** Kind `credential`. */
export const credentialActor = defineActor<CredentialState, CredentialMessage>({
  kind: KIND,
  version: 1,
  initial: () => ({ id: "", renewing: "", waiting: [], notBeforeMs: 0, failures: 0 }),
  reads: (message, state) => {
    const id = message.type === "run-ended" ? state.id : message.id;
    const { integration } = state;
    return {
      token: { type: "row", table: tokenTables.tokens, id },
      ...(message.type === "due" && { used: { type: "row", table: tokenTables.used, id } }),
      ...(integration !== undefined && {
        integration: { type: "row", table: integrationsTable, id: integration },
      }),
    };
  },
  receive(state, message, turn) {
    switch (message.type) {
      case "use":
        return use({ ...state, id: message.id }, message.refused, turn);
      case "put":
        return put({ ...state, id: message.id }, message, turn);
      case "remove":
        return remove(state, message, turn);
      case "due":
        return due({ ...state, id: message.id }, turn);
      case "run-ended":
        if (message.kind === renewKind && message.run === state.renewing) {
          return ended(state, message.outcome, turn);
        }
        if (message.kind === waitKind) turn.reply(told(message.outcome));
        return state;
    }
  },
});

function use(state: CredentialState, refused: number | undefined, turn: Turn): CredentialState {
  const { nowMs } = turn;
  const token = turn.loaded["token"] as Token | undefined;
  const reply = (settled: Settled): CredentialState => {
    turn.reply(settled);
    return state;
  };
  if (token === undefined)
    return reply({ status: "connect", reason: "There is no such token any more." });
  if (token.status !== "active") return reply(connect(token));
  const leftMs =
    token.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(token.expires_at) - nowMs;
  const isRefused = refused === token.generation;
  const isFit = leftMs > tokenLimits.deadMs && !isRefused;
  const mayRenew = token.can_refresh && (state.renewing !== "" || nowMs >= state.notBeforeMs);
  if (isFit) {
    turn.reply({ status: "ready", generation: token.generation } satisfies Settled);
    const isEarly = leftMs <= tokenLimits.earlyMs && mayRenew;
    return isEarly ? renewing(state, turn) : state;
  }
  if (!token.can_refresh) {
    const [status, error] = isRefused
      ? (["auth_required", "The other side does not take it any more."] as const)
      : (["expired", "Its time is over."] as const);
    const now = changed(token, { status, error }, turn);
    tellStatus(now, turn);
    return reply(connect(now));
  }
  if (!mayRenew || state.waiting.length >= WAITING_MAX) {
    const message = `It could not be renewed: ${token.error ?? "too many wait for it."}`;
    return reply({
      status: "later",
      message,
      retryAfterMs: Math.max(1_000, state.notBeforeMs - nowMs),
    });
  }
  const next = renewing(state, turn);
  const run = turn.startRun({ kind: waitKind, input: { id: token.id }, timeoutMs: WAIT_RUN_MS });
  turn.reply(null, { follow: run });
  return { ...next, waiting: [...next.waiting, run] };
}

/** At most one at a time. */
function renewing(state: CredentialState, turn: Turn): CredentialState {
  if (state.renewing !== "") return state;
  const { id } = state;
  const run = turn.startRun({ kind: renewKind, input: { id }, timeoutMs: tokenLimits.renewMs });
  return { ...state, renewing: run };
}

/** Renewed before anybody needs it, while somebody may. */
function due(state: CredentialState, turn: Turn): CredentialState {
  const token = turn.loaded["token"] as Token | undefined;
  const usedAt = (turn.loaded["used"] as string | undefined) ?? null;
  const isWanted = token?.status === "active" && token.can_refresh && state.renewing === "";
  if (token === undefined || !isWanted || isIdle(token, usedAt, turn.nowMs)) return state;
  return renewing(state, turn);
}

/** Has it renewed in time; a token that cannot be, or need not, is not. */
function schedule(token: Token, turn: Turn): void {
  const atMs = renewalDueMs(token, turn.nowMs);
  if (atMs === null) turn.forget(DUE);
  else turn.remind(DUE, atMs, { type: "due", id: token.id } satisfies CredentialMessage);
}

/** What came of a renewal: the rows first, and in the same transaction all that wait for them. */
function ended(state: CredentialState, outcome: Outcome, turn: Turn): CredentialState {
  const token = turn.loaded["token"] as Token | undefined;
  const { next, settled } = settledBy(state, token, outcome, turn);
  for (const run of state.waiting) turn.decideRun(run, waitKey, settled);
  return { ...next, renewing: "", waiting: [] };
}

function settledBy(
  state: CredentialState,
  token: Token | undefined,
  outcome: Outcome,
  turn: Turn,
): { readonly next: CredentialState; readonly settled: Settled } {
  const fresh = { ...state, failures: 0, notBeforeMs: 0 };
  if (token === undefined) {
    return {
      next: fresh,
      settled: { status: "connect", reason: "There is no such token any more." },
    };
  }
  if (outcome.status !== "completed") return failedForATime(state, token, outcome, turn);
  const { generation, renewal } = outcome.result as Renewed;
  // Connected anew or removed meanwhile: what was renewed is nobody's any more.
  if (generation !== token.generation) {
    const isActive = token.status === "active";
    return {
      next: fresh,
      settled: isActive ? { status: "ready", generation: token.generation } : connect(token),
    };
  }
  if (renewal.status === "refused") {
    const now = changed(token, { status: "auth_required", error: renewal.reason }, turn);
    note(now, "token.refused", "refresh", turn);
    turn.forget(DUE);
    tellStatus(now, turn);
    return { next: fresh, settled: connect(now) };
  }
  const { sealed, expiresAtMs, scopes, canRefresh } = renewal;
  const now = changed(
    token,
    {
      ...{ generation: generation + 1, error: null, can_refresh: canRefresh },
      expires_at: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
      ...(scopes !== null && { scopes }),
    },
    turn,
  );
  putSecret(now, sealed, turn);
  schedule(now, turn);
  note(now, "token.refresh", "refresh", turn);
  return { next: fresh, settled: { status: "ready", generation: now.generation } };
}

/** The token stays as it is: it may be taken later. */
function failedForATime(
  state: CredentialState,
  token: Token,
  outcome: Exclude<Outcome, { status: "completed" }>,
  turn: Turn,
): { readonly next: CredentialState; readonly settled: Settled } {
  const { message, details } = outcome.error;
  const failures = state.failures + 1;
  const asked = Number(details?.["retryAfterMs"] ?? 0);
  const pauseMs = Math.min(
    PAUSE_MS_MAX,
    Math.max(asked, PAUSE_MS * 2 ** Math.min(failures - 1, 20)),
  );
  const now = changed(token, { error: message }, turn);
  const again: CredentialMessage = { type: "due", id: token.id };
  if (failures < RENEWALS_MAX) turn.remind(DUE, turn.nowMs + pauseMs, again);
  else if (failures === RENEWALS_MAX) tell(now, "token.renewal_failed", turn);
  return {
    next: { ...state, failures, notBeforeMs: turn.nowMs + pauseMs },
    settled: {
      status: "later",
      message: `It could not be renewed: ${message}`,
      retryAfterMs: pauseMs,
    },
  };
}

function put(
  state: CredentialState,
  message: CredentialMessage & { readonly type: "put" },
  turn: Turn,
): CredentialState {
  const before = turn.loaded["token"] as Token | undefined;
  const { token, sealed, by, action, generation } = message;
  if ((before?.generation ?? null) !== generation) {
    turn.refuse({ code: "CONFLICT", message: `Token ${token.id} was changed at the same moment.` });
    return state;
  }
  const now = { ...token, generation: (generation ?? 0) + (sealed === null ? 0 : 1) };
  putToken(now, turn);
  if (sealed !== null) putSecret(now, sealed, turn);
  schedule(now, turn);
  note(now, action, by, turn);
  turn.reply(now);
  const { integration } = token;
  return sealed === null
    ? { ...state, integration }
    : { ...state, integration, failures: 0, notBeforeMs: 0 };
}

function remove(
  state: CredentialState,
  { id, by }: CredentialMessage & { readonly type: "remove" },
  turn: Turn,
): CredentialState {
  const token = turn.loaded["token"] as Token | undefined;
  if (token === undefined) {
    turn.refuse({ code: "NOT_FOUND", message: `Token ${id} does not exist.` });
    return state;
  }
  for (const table of [tokenTables.tokens, tokenTables.secrets, tokenTables.used]) {
    turn.putRow(table, id, undefined);
  }
  turn.putRow(tokenTables.uses, useId(token.integration, token.user_key), undefined);
  turn.forget(DUE);
  note(token, "token.delete", by, turn);
  turn.reply(null);
  return state;
}

function changed(token: Token, more: Partial<Token>, turn: Turn): Token {
  const now = { ...token, ...more, updated_at: new Date(turn.nowMs).toISOString() };
  putToken(now, turn);
  return now;
}

function putToken(token: Token, turn: Turn): void {
  const { id, integration, user_key, status } = token;
  turn.putRow(tokenTables.tokens, id, token);
  turn.putRow(tokenTables.uses, useId(integration, user_key), { id, status } satisfies TokenUse);
}

function putSecret({ id, user_key, integration }: Token, sealed: string, turn: Turn): void {
  const row: SealedSecret = { user: user_key ?? "", integration, sealed };
  turn.putRow(tokenTables.secrets, id, row);
}

function note(
  { id, integration, user_key: user, status }: Token,
  action: string,
  by: string | AuditSource,
  turn: Turn,
): void {
  const source = typeof by === "string" ? { by } : by;
  const details = { integration, user, status };
  audit(turn, { ...source, action, subject: id, run_id: null, details });
}

/** A token is not what it was: whoever is named by its integration is told. */
function tellStatus(token: Token, turn: Turn): void {
  tell(token, `token.${token.status}`, turn);
}

function tell(token: Token, type: string, turn: Turn): void {
  const integration = turn.loaded["integration"] as Integration | undefined;
  const url = integration?.webhook_url;
  if (url === undefined) return;
  const { id, integration: name, user_key, status, error } = token;
  const notice: Notice = {
    ...{ id: `no_${id}.${turn.nowMs}.${type}`, type, atMs: turn.nowMs },
    data: { token: id, integration: name, user_key, status, reason: error },
  };
  const input: WebhookInput = { url, event: { notice } };
  turn.startRun({ kind: webhookKind, input, timeoutMs: limits.webhookRunMs });
}

function connect({ error, status }: Token): Settled {
  return { status: "connect", reason: error ?? `It is ${status}.` };
}

function told(outcome: Outcome): Settled {
  if (outcome.status === "completed") return outcome.result as Settled;
  return { status: "later", message: outcome.error.message, retryAfterMs: PAUSE_MS };
}
