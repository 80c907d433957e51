// Which budgets a run's calls count for, and how a purse is asked to keep within them.

import type { RunContext, Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import {
  ANY_SUBJECT,
  type Budget,
  type BudgetScope,
  budgetCounters,
  budgetTables,
  EACH,
  isOfRoot,
  OWN_LIMIT,
  periodAt,
  type RunLimit,
  subjectId,
} from "../records/budget.ts";

/** Beginning of the ids of conversations. */
export const CONVERSATION = "cv_";

/** On whose account a run spends. */
export interface Payer {
  /** Key that asked, `ak_...`; null for the operator and for what nobody asked for. */
  readonly keyId: string | null;
  /** What answers: an agent, a team or a workflow. */
  readonly agent: string;
}

/** One budget that a call counts for, as its purse is told of it. */
export interface BudgetLine {
  readonly budget: string;
  readonly scope: BudgetScope;
  /** Whom it is about; null for the tenant. */
  readonly subject: string | null;
  readonly limitMicros: number;
  readonly onExhausted: Budget["on_exhausted"];
  readonly period: Budget["period"];
  /** Of the budget's row, as it was read. */
  readonly version: number;
  /** End of the names of its counters: the budget's id and its period. */
  readonly of: string;
  /** Counted by the purse itself: what it is about lies under one root. Else by the tenant's counters. */
  readonly isOwn: boolean;
}

/** The counters of a line. */
export function countersOf({ of }: Pick<BudgetLine, "of">): ReturnType<typeof budgetCounters> {
  const at = of.indexOf(".");
  return budgetCounters(of.slice(0, at), of.slice(at + 1));
}

/** Gives a run that the turn starts a limit of its own, if it has one, or takes it with the run's end. */
export function limitRun(
  turn: Pick<Turn, "putRow">,
  run: string,
  maxSpendMicros: number | undefined,
  isOver = false,
): void {
  if (maxSpendMicros === undefined) return;
  const limit: RunLimit = { limitMicros: maxSpendMicros };
  turn.putRow(budgetTables.runLimits, run, isOver ? undefined : limit);
}

/** Whether anything may limit a run: two reads of rows in memory. */
export async function hasBudgets(context: Pick<RunContext, "row" | "id">): Promise<boolean> {
  const [any, own] = await Promise.all([
    context.row(budgetTables.bySubject, ANY_SUBJECT),
    context.row(budgetTables.runLimits, rootRunOf(context.id)),
  ]);
  return any !== undefined || own !== undefined;
}

/** The budgets that a call of this run counts for now, widest first. */
export async function linesOf(
  context: Pick<RunContext, "row" | "self" | "id">,
  payer: Payer,
  nowMs: number,
): Promise<readonly BudgetLine[]> {
  const { root } = addressParts(context.self);
  const run = rootRunOf(context.id);
  const subjects: readonly (readonly [BudgetScope, string | null, string | null])[] = [
    ["tenant", null, null],
    ...(payer.keyId === null ? [] : ([["key", payer.keyId, payer.keyId]] as const)),
    ["agent", payer.agent, payer.agent],
    // A completion is no conversation.
    ...(root.startsWith(CONVERSATION)
      ? ([
          ["conversation", root, root],
          ["conversation", EACH, root],
        ] as const)
      : []),
    ["run", EACH, run],
  ];
  const found = await Promise.all(
    subjects.map(async ([scope, subject, about]) => {
      const id = subjectId(scope, subject);
      const row = (await context.row(budgetTables.bySubject, id)) as readonly Budget[] | undefined;
      return (row ?? [])
        .filter(({ counts }) => counts !== "charge")
        .map((budget) => lineOf(budget, about, nowMs));
    }),
  );
  const own = (await context.row(budgetTables.runLimits, run)) as RunLimit | undefined;
  return own === undefined ? found.flat() : [...found.flat(), ownLine(run, own)];
}

/** The limit that a run was begun with. */
function ownLine(run: string, { limitMicros }: RunLimit): BudgetLine {
  return {
    ...{ budget: OWN_LIMIT, scope: "run", subject: run, limitMicros, onExhausted: "stop" },
    ...{ of: `${OWN_LIMIT}.${run}`, isOwn: true, period: "total", version: 1 },
  };
}

/** A budget as it counts for whom it is about. */
export function lineOf(budget: Budget, about: string | null, nowMs: number): BudgetLine {
  const { id, scope, limitMicros, on_exhausted, period, version } = budget;
  const isOwn = isOfRoot(budget);
  // A run's own account is no other run's.
  const of = `${id}.${scope === "run" ? about : periodAt(period, nowMs)}`;
  return {
    ...{ budget: id, scope, subject: about, limitMicros, onExhausted: on_exhausted },
    ...{ of, isOwn, period, version },
  };
}
