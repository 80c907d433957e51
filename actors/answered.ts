// An answer on its way from a conversation to the actor that had asked, a session of a channel or a trigger: sent
// in the transaction of the run's end, so that no answer is kept without being told.

import type { Outcome, Turn } from "../runtime/actor.ts";
import { type Address, addressParts } from "../runtime/address.ts";
import { toldOfRun } from "../runtime/errors.ts";
import { sessionAddress } from "./channels/session-key.ts";
import type { Asker } from "./records/asker.ts";
import { triggerAddress } from "./triggers/state.ts";

/** Told to who asked. */
export interface Answered {
  readonly type: "answered";
  /** Its questions that the run has answered, in their order. */
  readonly asks: readonly string[];
  readonly run: string;
  readonly conversation: string;
  /** `repeated`: another run has said it already. */
  readonly status: Outcome["status"] | "interrupted" | "repeated";
  /** What is said; "" where there is no answer. */
  readonly text: string;
  /** Pictures that whoever answered could not see. */
  readonly unseen?: number;
  /** Why there is none; fit for people outside. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** Told to a trigger whose run has waited in a line: it works now. */
export interface Begun {
  readonly type: "begun";
  readonly asks: readonly string[];
  readonly run: string;
}

/** Tells triggers that wait for it. */
export function tellBegun(
  turn: Turn,
  { run, tells = [] }: { readonly run: string; readonly tells?: readonly Asker[] },
): void {
  const { tenant } = addressParts(turn.self);
  for (const asker of new Set(tells.map((one) => one.asker))) {
    if (!asker.startsWith("tr_")) continue;
    const asks = tells.filter((one) => one.asker === asker).map(({ ask }) => ask);
    turn.send(triggerAddress(tenant, asker), { type: "begun", asks, run } satisfies Begun);
  }
}

/** What a run's end is told with. */
interface Ended {
  readonly outcome: Outcome;
  readonly text: string | undefined;
  readonly unseen?: number | undefined;
}

type Cut = Exclude<Outcome, { readonly status: "completed" }>;

/** Tells each asker once. */
export function tellAskers(
  turn: Turn,
  entry: {
    readonly run: string;
    readonly tells?: readonly Asker[];
    readonly interrupted?: boolean;
    readonly adopted?: boolean;
  },
  { outcome, text = "", unseen = 0 }: Ended,
): void {
  const { tenant, root: conversation } = addressParts(turn.self);
  const tells = entry.tells ?? [];
  const ended =
    entry.interrupted && outcome.status === "cancelled" ? "interrupted" : outcome.status;
  const status = entry.adopted && ended === "completed" ? "repeated" : ended;
  const error = outcome.status === "completed" ? null : toldOfRun(outcome.error, entry.run);
  // Of one that a limit has ended, what it has written.
  const said = error?.code === "LIMIT_REACHED" ? ((outcome as Cut).shown ?? "") : text;
  for (const asker of new Set(tells.map((one) => one.asker))) {
    const asks = tells.filter((one) => one.asker === asker).map(({ ask }) => ask);
    const answered: Answered = {
      ...{ type: "answered", asks, run: entry.run, conversation, status, text: said },
      error: error && { code: error.code, message: error.message },
      ...(unseen > 0 && { unseen }),
    };
    turn.send(addressOf(tenant, asker), answered);
  }
}

const addressOf = (tenant: string, asker: string): Address =>
  asker.startsWith("tr_") ? triggerAddress(tenant, asker) : sessionAddress(tenant, asker);
