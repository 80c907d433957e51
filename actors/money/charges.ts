// Budgets that count what a tenant is charged: the price of a service is taken from them where it is taken
// from the balance, in the same transaction, and given back with it. Prices are known before, so nothing is
// reserved: the counter's floor is the limit, judged by the storage thread for everybody.

import type { ReadRequest, RunContext, Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { type ErrorData, RuntimeError } from "../../runtime/errors.ts";
import {
  ANY_SUBJECT,
  type Budget,
  type BudgetScope,
  budgetTables,
  subjectId,
} from "../records/budget.ts";
import { balanceCounter } from "../records/conversation.ts";
import { unitsOf } from "../records/price.ts";
import { type BudgetLine, CONVERSATION, countersOf, lineOf, type Payer } from "./lines.ts";

/** One budget that a charge counts for. */
export type ChargeLine = BudgetLine;

/** Millionths that were taken, by the line's `of`: what is given back when nothing was delivered. */
export type Charged = Readonly<Record<string, number>>;

/** Why something cannot be paid. */
export type UsedUp = "BALANCE_EXHAUSTED" | "BUDGET_EXHAUSTED";

/** Whether an error says so. */
export const isUsedUp = (code: string | undefined): code is UsedUp =>
  code === "BALANCE_EXHAUSTED" || code === "BUDGET_EXHAUSTED";

/** For whom something is charged. */
export interface Charging extends Payer {
  /** Where it is said; null: in no conversation. */
  readonly conversation: string | null;
}

/** The budgets that charges for somebody count for now. One read of a row where the tenant has none. */
export async function chargeLinesOf(
  row: (table: string, id: string) => Promise<unknown>,
  { keyId, agent, conversation }: Charging,
  nowMs: number,
): Promise<readonly ChargeLine[]> {
  const { bySubject } = budgetTables;
  if ((await row(bySubject, ANY_SUBJECT)) === undefined) return [];
  const subjects: readonly (readonly [BudgetScope, string | null])[] = [
    ["tenant", null],
    ...(keyId === null ? [] : ([["key", keyId]] as const)),
    ...(agent === "" ? [] : ([["agent", agent]] as const)),
    ...(conversation === null ? [] : ([["conversation", conversation]] as const)),
  ];
  const found = await Promise.all(
    subjects.map(async ([scope, subject]) => {
      const budgets = (await row(bySubject, subjectId(scope, subject))) as readonly Budget[];
      return (budgets ?? [])
        .filter(({ counts }) => counts === "charge")
        .map((budget) => lineOf(budget, subject, nowMs));
    }),
  );
  return found.flat();
}

/** The same in a run, at a time that is one of its steps. */
export async function chargeLinesAt(
  context: Pick<RunContext, "row" | "now" | "self" | "isStored">,
  key: string,
  payer: Payer,
): Promise<readonly ChargeLine[]> {
  const { bySubject } = budgetTables;
  const isLimited = (await context.row(bySubject, ANY_SUBJECT)) !== undefined;
  if (!isLimited && !context.isStored(key)) return [];
  const { root } = addressParts(context.self);
  const charging = { ...payer, conversation: root.startsWith(CONVERSATION) ? root : null };
  const nowMs = await context.now(key);
  return await chargeLinesOf((table, id) => context.row(table, id), charging, nowMs);
}

/** What such a charge takes from them. */
export function chargedOf(lines: readonly ChargeLine[], micros: number): Charged {
  return Object.fromEntries(lines.map(({ of }) => [of, micros]));
}

/** What must be loaded to take a charge. */
export function chargeReads(lines: readonly ChargeLine[] = []): Record<string, ReadRequest> {
  const names = lines.map((line) => countersOf(line).used);
  return Object.fromEntries(names.map((name) => [name, { type: "counter", name }]));
}

/** Takes a charge from budgets. The turn is undone when one of them does not hold it. */
export function takeFromBudgets(
  turn: Pick<Turn, "add" | "loaded">,
  micros: number,
  lines: readonly ChargeLine[] = [],
): Charged {
  if (micros === 0) return {};
  for (const line of lines) {
    const { used } = countersOf(line);
    const left = line.limitMicros + Number(turn.loaded[used] ?? 0);
    const otherwise = notHeld(line, Math.max(0, left), micros);
    turn.add(used, -micros, { min: -line.limitMicros, otherwise });
  }
  return chargedOf(lines, micros);
}

/** Gives back what was taken. */
export function giveToBudgets(turn: Pick<Turn, "add">, charged: Charged = {}): void {
  for (const [of, micros] of Object.entries(charged)) turn.add(countersOf({ of }).used, micros);
}

/** Gives a charge back: to the balance, and to the budgets. */
export function giveBack(turn: Pick<Turn, "add">, micros: number, charged?: Charged): void {
  turn.add(balanceCounter, micros);
  giveToBudgets(turn, charged);
}

/** Both together. */
export function addCharged(left: Charged = {}, right: Charged = {}): Charged {
  const sum: Record<string, number> = { ...left };
  for (const [of, micros] of Object.entries(right)) sum[of] = (sum[of] ?? 0) + micros;
  return sum;
}

/** As an error of a write outside of a turn. */
export function chargeRefused(line: ChargeLine, leftMicros: number, micros: number): RuntimeError {
  const { code, message, details } = notHeld(line, leftMicros, micros);
  return new RuntimeError(code, message, details);
}

function notHeld(line: ChargeLine, leftMicros: number, micros: number): ErrorData {
  const { budget, scope, subject, period, limitMicros } = line;
  const [limit, left, needed] = [limitMicros, leftMicros, micros].map(unitsOf);
  const whose = subject === null ? "this tenant" : `${scope} ${subject}`;
  const inTime = period === "total" ? "" : ` a ${period}`;
  const message = `The budget of ${whose} is used up: ${limit}${inTime} may be charged, ${left} is left, and this costs ${needed}.`;
  const counts = "charge";
  const details = { limit: { budget, scope, subject, period, counts, limit, left, needed } };
  return { code: "BUDGET_EXHAUSTED", message, details };
}
