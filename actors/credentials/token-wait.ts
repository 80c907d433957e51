// Kind `token-wait`: the runs under one root that wait until somebody has connected an account. It lies on their
// shard, so that what it decides a run has in the same transaction. A wait is first written down and looked at
// after that, so that an account which is connected at that moment is seen.

import { defineActor, type Turn } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { type ConnectLink, type TokenUse, tokenTables, useId } from "../records/token.ts";
import { authKey } from "./keys.ts";

/** What became of a wait. */
export type Awaited = "connected" | "declined" | "expired" | "refused";

/** One wait, by its link. */
export interface TokenWait {
  readonly id: string;
  readonly run: string;
  readonly rootRun: string;
  readonly integration: string;
  readonly user: string | null;
  readonly untilMs: number;
  /** What the page of the link asks for; absent: nothing. */
  readonly code?: string;
  /** An agent elsewhere waits, and looks for itself: there is no link of ours. */
  readonly remote?: RemoteSignIn;
}

/** What an agent elsewhere has said that it waits for. */
export interface RemoteSignIn {
  /** Where somebody signs in, as it said; null: it did not. */
  readonly url: string | null;
  /** In its words. */
  readonly said: string;
}

/** What it is told. */
export type TokenWaitMessage =
  | { readonly type: "request"; readonly wait: TokenWait }
  /** Something of its token has changed, or may have. */
  | { readonly type: "look"; readonly id: string }
  | { readonly type: "declined"; readonly id: string }
  | { readonly type: "expire"; readonly id: string }
  /** The run has ended. */
  | { readonly type: "over"; readonly id: string };

/** State. Version 1. */
export type TokenWaitState = Readonly<Record<string, TokenWait>>;

const KIND = "token-wait";
/** Runs of one root that wait; one more is told at once that nobody will connect. */
const WAITS_MAX = 100;

/** Address of the waits of the runs under a root. */
export function tokenWaitAddress(tenant: string, root: string): Address {
  return address({ kind: KIND, tenant, root });
}

/** Kind `token-wait`. */
export const tokenWaitActor = defineActor<TokenWaitState, TokenWaitMessage>({
  kind: KIND,
  version: 1,
  initial: () => ({}),
  reads: (message, state) => {
    const wait = message.type === "look" ? state[message.id] : undefined;
    if (wait === undefined) return {};
    const id = useId(wait.integration, wait.user);
    return { use: { type: "row", table: tokenTables.uses, id } };
  },
  receive(state, message, turn) {
    if (message.type === "request") return request(state, message.wait, turn);
    const wait = state[message.id];
    if (wait === undefined) return state;
    switch (message.type) {
      case "look": {
        const use = turn.loaded["use"] as TokenUse | undefined;
        return use?.status === "active" ? settled(state, wait, "connected", turn) : state;
      }
      case "declined":
        return settled(state, wait, "declined", turn);
      case "expire":
        return settled(state, wait, "expired", turn);
      case "over":
        return without(state, wait, turn);
    }
  },
});

function request(state: TokenWaitState, wait: TokenWait, turn: Turn): TokenWaitState {
  const { id, run, rootRun, integration, user, untilMs, code, remote } = wait;
  if (Object.keys(state).length >= WAITS_MAX) {
    turn.decideRun(run, authKey(id), "refused" satisfies Awaited);
    return state;
  }
  turn.putRow(tokenTables.waitsOfRun, `${rootRun}.${id}`, wait);
  if (remote !== undefined) return { ...state, [id]: wait };
  const root = turn.self.slice(turn.self.indexOf("/") + 1);
  const of = { integration, user_key: user, untilMs, by: "run", run: rootRun, root };
  const link: ConnectLink = { ...of, ...(code !== undefined && { code }) };
  turn.putRow(tokenTables.links, id, link);
  turn.putRow(tokenTables.waits, `${useId(integration, user)}.${id}`, { root });
  turn.remind(id, untilMs, { type: "expire", id } satisfies TokenWaitMessage);
  turn.send(turn.self, { type: "look", id } satisfies TokenWaitMessage);
  return { ...state, [id]: wait };
}

function settled(
  state: TokenWaitState,
  wait: TokenWait,
  outcome: Awaited,
  turn: Turn,
): TokenWaitState {
  turn.decideRun(wait.run, authKey(wait.id), outcome);
  return without(state, wait, turn);
}

function without(
  state: TokenWaitState,
  { id, rootRun, integration, user, remote }: TokenWait,
  turn: Turn,
): TokenWaitState {
  turn.putRow(tokenTables.waitsOfRun, `${rootRun}.${id}`, undefined);
  if (remote === undefined) {
    turn.putRow(tokenTables.links, id, undefined);
    turn.putRow(tokenTables.waits, `${useId(integration, user)}.${id}`, undefined);
    turn.forget(id);
  }
  return Object.fromEntries(Object.entries(state).filter(([name]) => name !== id));
}
