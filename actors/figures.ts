// What is counted and measured of work as it is done. A closed list: what a series is named by has few values, so
// that whoever reads the figures has a bounded number of series, however many agents, channels and tenants there are.

import type { Turn } from "../runtime/actor.ts";
import type { DeliveryEnd } from "./channels/delivery-row.ts";
import type { BudgetScope } from "./records/budget.ts";
import type { EngineType } from "./records/engine-type.ts";

/** A platform that does not come with the server. */
export const OTHER = "other";

const words = <Word extends string>(...list: readonly Word[]): readonly Word[] => list;

// The lists are written out: their schemas are not loaded for them at every start. A test compares them.
const skipped = words(
  ...(["skipped_missed", "skipped_missed-once", "skipped_too-many-missed"] as const),
  ...(["skipped_busy", "skipped_queue-full", "skipped_replaced", "skipped_paused"] as const),
  ...(["skipped_removed", "skipped_too-deep"] as const),
);

/** What is noted, by kind: the two words that its names go on with. */
export const notedKinds = {
  /** How a delivery ended, by platform; ms since what it says was there. */
  delivery: {
    rows: words(
      ...(["discord", "email", "slack", "sms", "teams", "telegram"] as const),
      ...(["web_chat", "webhook", "whatsapp", OTHER] as const),
    ),
    columns: words<DeliveryEnd["status"]>("sent", "unknown", "needs_template", "expired", "failed"),
  },
  /** What became of an occurrence of a trigger, by what brought it about; of `begun` ms that it was late. */
  occurrence: {
    rows: words("schedule", "fire", "webhook", "file_change", "event", "startup"),
    columns: words("begun", "completed", "failed", "cancelled", "replaced", ...skipped),
  },
  /** A run of a script; ms that it took. `calls`: it waits for tools, and is run anew. */
  script: {
    rows: words("javascript", "python", "skill"),
    columns: words("done", "calls", "failed", "timeout", "memory", "unavailable"),
  },
  /** Work of an engine, a command of one, or of a shell; ms that it took. */
  engine: {
    rows: words<EngineType | "shell">(
      ...(["direct_ops", "code_agent", "managed_agent", "plugin", "shell"] as const),
    ),
    columns: words("done", "failed", "stopped", "timeout", "lost", "refused"),
  },
  /** A call that a budget counts: let through, or not; thousandths of the budget that are used by then. */
  budget: {
    rows: words<BudgetScope>("tenant", "key", "agent", "conversation", "run"),
    columns: words("granted", "refused"),
  },
} as const satisfies Readonly<Record<string, NotedList>>;

interface NotedList {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
}

/** A kind of what is noted. */
export type NotedKind = keyof typeof notedKinds;

/** Where it is counted. */
export interface Figures {
  /** @param name as `noteName` gives it; one that is not in the lists is left out. */
  note(name: string, value: number): void;
}

/** The name under which something is noted. */
export const noteName = (kind: NotedKind, row: string, column: string): string =>
  `${kind}.${row}.${column}`;

/** A call that this budget lets through, or not. */
export function noteBudget(
  turn: Pick<Turn, "note">,
  { scope, limitMicros }: { readonly scope: BudgetScope; readonly limitMicros: number },
  how: "granted" | "refused",
  usedMicros: number,
): void {
  const share = limitMicros <= 0 ? 1 : Math.min(1, usedMicros / limitMicros);
  turn.note(noteName("budget", scope, how), Math.round(1_000 * share));
}
