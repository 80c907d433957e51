// Alerts of tenants: kept here, looked at with each batch of the ledger that is taken in. What they tell is
// decided, remembered and put on its way in that batch's transaction: once, whatever dies.

import { alertsAddress, type DeliverNotice } from "../../../actors/money/alert-actor.ts";
import { type Seen, tellOf } from "../../../actors/money/alerts.ts";
import { dimensions, type UsageSum } from "../../../actors/money/sums.ts";
import {
  ALERTS_MAX,
  type Alert,
  type AlertInput,
  type AlertNotice,
  type AlertPatch,
  type AlertState,
  alertTables,
  type BudgetAlert,
  type NoticeRow,
  percentagesDefault,
  type UsageAlert,
} from "../../../actors/records/alert.ts";
import type { AuditSource } from "../../../actors/records/audit.ts";
import {
  type Budget,
  budgetCounters,
  budgetTables,
  periodAt,
} from "../../../actors/records/budget.ts";
import { balanceCounter } from "../../../actors/records/conversation.ts";
import { microsOf } from "../../../actors/records/price.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, Tables, TableWrite } from "../../../runtime/system.ts";
import { byServer } from "../../audit/act.ts";
import { auditWrites } from "../../audit/audit-writes.ts";
import type { Batch } from "./usage-books.ts";

/** Notices that one look sends on. */
const NOTICES_AT_ONCE = 50;

/** What is known of a change. */
export interface AlertChange {
  readonly by: AuditSource;
  readonly nowMs: number;
  /** Writes that are stored with it. */
  remember(alert: Alert): readonly TableWrite[];
}

/** Writes that a batch brings about: what its alerts tell, and remember. */
export async function alertWrites(
  tables: Tables,
  { tenant, sums }: Pick<Batch, "tenant" | "sums">,
  nowMs: number,
): Promise<readonly TableWrite[]> {
  const rows = await tables.list(tenant, alertTables.alerts, { limit: ALERTS_MAX });
  if (rows.length === 0) return [];
  const alerts = rows.map(({ value }) => value as Alert);
  const seen = await look(tables, { tenant, sums, nowMs }, alerts);
  const writes: TableWrite[] = [];
  for (const alert of alerts) {
    const known = await tables.get(tenant, alertTables.states, alert.id);
    const told = tellOf(alert, (known?.value as AlertState | undefined) ?? {}, seen);
    if (told === null) continue;
    const place = { table: alertTables.states, id: alert.id, value: told.state };
    writes.push({ type: "put-if", ...place, revision: known?.revision ?? null });
    for (const { type, data } of told.notices) {
      const id = newId("no", nowMs);
      const notice: AlertNotice = {
        id,
        type,
        atMs: nowMs,
        data: { alert: alert.id, tenant, ...data },
      };
      const value: NoticeRow = { alert: alert.id, url: alert.url, notice };
      writes.push(
        { type: "put", table: alertTables.notices, id, value },
        ...auditWrites(byServer, {
          action: "alert.fired",
          subject: alert.id,
          details: data,
          nowMs,
        }),
      );
    }
  }
  return writes;
}

/** Has what is on its way delivered; asked for twice it is delivered once. @returns how many there were. */
export async function sendNotices(
  { tables, send }: Pick<System, "tables" | "send">,
  tenant: string,
): Promise<number> {
  const rows = await tables.list(tenant, alertTables.notices, { limit: NOTICES_AT_ONCE });
  for (const { id } of rows) {
    const message: DeliverNotice = { type: "deliver", notice: id };
    await send(alertsAddress(tenant), message);
  }
  return rows.length;
}

interface Looked extends Pick<Batch, "tenant" | "sums"> {
  readonly nowMs: number;
}

async function look(
  tables: Tables,
  { tenant, sums, nowMs }: Looked,
  alerts: readonly Alert[],
): Promise<Seen> {
  const budgets = new Map<string, ReturnType<Seen["budget"]>>();
  for (const alert of alerts) {
    if (alert.type !== "budget" || budgets.has(alert.budget)) continue;
    budgets.set(alert.budget, await budgetOf(tables, { tenant, id: alert.budget, nowMs }));
  }
  return {
    balanceMicros: await tables.counter(tenant, balanceCounter),
    usage: (alert) => newestOf(sums, alert),
    budget: (alert: BudgetAlert) => budgets.get(alert.budget) ?? null,
  };
}

async function budgetOf(
  tables: Tables,
  { tenant, id, nowMs }: { readonly tenant: string; readonly id: string; readonly nowMs: number },
): Promise<ReturnType<Seen["budget"]>> {
  const row = await tables.get(tenant, budgetTables.budgets, id);
  if (row === undefined) return null;
  const budget = row.value as Budget;
  const period = periodAt(budget.period, nowMs);
  const { used, held } = budgetCounters(id, period);
  const [taken, reserved] = [
    await tables.counter(tenant, used),
    await tables.counter(tenant, held),
  ];
  // `used` is kept as less than nothing, with what is reserved.
  return { period, usedMicros: -taken - reserved, limitMicros: budget.limitMicros };
}

function newestOf(
  sums: ReadonlyMap<string, UsageSum>,
  { scope, subject, period }: UsageAlert,
): ReturnType<Seen["usage"]> {
  const dimension = dimensions[scope === "tenant" ? "total" : scope];
  const prefix = `${dimension}${period === "day" ? "d" : "m"}.`;
  let newest: ReturnType<Seen["usage"]> = null;
  for (const [id, sum] of sums) {
    if (!id.startsWith(prefix) || sum.value !== subject) continue;
    const of = id.slice(prefix.length, id.indexOf(".", prefix.length));
    if (newest === null || of > newest.period) newest = { period: of, sum };
  }
  return newest;
}

/** Sets an alert up. @throws INVALID naming the field, NOT_FOUND for a budget that is none, CONFLICT. */
export async function createAlert(
  tables: Tables,
  tenant: string,
  input: AlertInput,
  { by, nowMs, remember }: AlertChange,
): Promise<Alert> {
  const alert = await alertOf(tables, tenant, input, nowMs);
  const rows = await tables.list(tenant, alertTables.alerts, { limit: ALERTS_MAX });
  if (rows.length >= ALERTS_MAX) {
    throw new RuntimeError("CONFLICT", `A tenant has at most ${ALERTS_MAX} alerts.`);
  }
  await tables.write(tenant, [
    { type: "put", table: alertTables.alerts, id: alert.id, value: alert },
    ...remember(alert),
    ...auditWrites(by, { action: "alert.create", subject: alert.id, after: alert, tenant }),
  ]);
  return alert;
}

/**
 * Changes one. With another amount it begins anew: what it has told of before is told again when it is reached.
 * @throws NOT_FOUND, INVALID naming a field that its type has not, CONFLICT when it changed meanwhile.
 */
export async function changeAlert(
  tables: Tables,
  tenant: string,
  patch: AlertPatch & { readonly id: string },
  { by, remember }: AlertChange,
): Promise<Alert> {
  const { id, name, url, ...amounts } = patch;
  const { alert: before, revision } = await alertRow(tables, tenant, id);
  if (url !== undefined) checkUrl(url);
  checkFields({ type: before.type, ...amounts });
  const after: Alert = {
    ...changedAmounts(before, amounts),
    ...(name !== undefined && { name }),
    ...(url !== undefined && { url }),
  };
  const isAnew = Object.keys(amounts).length > 0;
  await tables.write(tenant, [
    { type: "put-if", table: alertTables.alerts, id, value: after, revision },
    ...(isAnew ? ([{ type: "remove", table: alertTables.states, id }] as const) : []),
    ...remember(after),
    ...auditWrites(by, { action: "alert.update", subject: id, before, after, tenant }),
  ]);
  return after;
}

function changedAmounts(alert: Alert, patch: Omit<AlertPatch, "name" | "url">): Alert {
  const { below, above, percentages } = patch;
  switch (alert.type) {
    case "balance":
      return below === undefined ? alert : { ...alert, belowMicros: microsOf(below) };
    case "usage":
      return above === undefined ? alert : { ...alert, above: aboveOf(alert.measure, above) };
    case "budget":
      return percentages === undefined
        ? alert
        : { ...alert, percentages: [...percentages].sort((a, b) => a - b) };
  }
}

/** Money in millionths. */
function aboveOf(measure: UsageAlert["measure"], above: number): number {
  return measure === "spend" || measure === "charged" ? microsOf(above) : Math.ceil(above);
}

/** Removes one. @throws NOT_FOUND. */
export async function removeAlert(
  tables: Tables,
  tenant: string,
  id: string,
  { by }: Pick<AlertChange, "by">,
): Promise<Alert> {
  const alert = await findAlert(tables, tenant, id);
  await tables.write(tenant, [
    { type: "remove", table: alertTables.alerts, id },
    { type: "remove", table: alertTables.states, id },
    ...auditWrites(by, { action: "alert.delete", subject: id, before: alert, tenant }),
  ]);
  return alert;
}

/** @throws NOT_FOUND. */
export async function findAlert(tables: Tables, tenant: string, id: string): Promise<Alert> {
  return (await alertRow(tables, tenant, id)).alert;
}

async function alertRow(
  tables: Tables,
  tenant: string,
  id: string,
): Promise<{ readonly alert: Alert; readonly revision: string }> {
  const row = /^al_[A-Za-z0-9]{1,61}$/.test(id)
    ? await tables.get(tenant, alertTables.alerts, id)
    : undefined;
  if (row === undefined)
    throw new RuntimeError("NOT_FOUND", `There is no alert ${id.slice(0, 64)}.`);
  return { alert: row.value as Alert, revision: row.revision };
}

async function alertOf(
  tables: Tables,
  tenant: string,
  input: AlertInput,
  nowMs: number,
): Promise<Alert> {
  const { type, url, name = null } = input;
  checkUrl(url);
  checkFields(input);
  const common = { id: newId("al", nowMs), name, url, created_at: new Date(nowMs).toISOString() };
  if (type === "balance") {
    return { ...common, type, belowMicros: microsOf(needed(input, "below")) };
  }
  if (type === "budget") {
    const percentages: readonly number[] = input.percentages ?? percentagesDefault;
    const budget = needed(input, "budget");
    const row = await tables.get(tenant, budgetTables.budgets, budget);
    const scope = (row?.value as Budget | undefined)?.scope;
    if (scope === undefined) throw wrong("/budget", `There is no budget ${budget}.`);
    if (scope === "conversation" || scope === "run") {
      throw wrong("/budget", "Alerts are for budgets of a tenant, a key or an agent.");
    }
    return { ...common, type, budget, percentages: [...percentages].sort((a, b) => a - b) };
  }
  const { scope = "tenant", period = "day", subject = null } = input;
  if ((scope === "tenant") !== (subject === null)) {
    throw wrong("/subject", "A scope other than tenant has a subject, the tenant has none.");
  }
  const measure = needed(input, "measure");
  return {
    ...common,
    type: "usage",
    ...{ measure, scope, period, subject },
    above: aboveOf(measure, needed(input, "above")),
  };
}

/** Fields of each type beside those that all have. */
const fieldsOf: Readonly<Record<AlertInput["type"], readonly (keyof AlertInput)[]>> = {
  balance: ["below"],
  usage: ["measure", "period", "above", "scope", "subject"],
  budget: ["budget", "percentages"],
};

function checkFields(input: Pick<AlertInput, "type"> & Partial<AlertInput>): void {
  const allowed: readonly string[] = ["type", "name", "url", ...fieldsOf[input.type]];
  const other = Object.keys(input).find((name) => !allowed.includes(name));
  if (other !== undefined) throw wrong(`/${other}`, `An alert of a ${input.type} has no ${other}.`);
}

function needed<K extends keyof AlertInput>(
  input: AlertInput,
  name: K,
): NonNullable<AlertInput[K]> {
  const value = input[name];
  if (value === undefined) throw wrong(`/${name}`, `An alert of a ${input.type} needs ${name}.`);
  return value as NonNullable<AlertInput[K]>;
}

function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:";
  if (!isWeb || url?.username !== "" || url?.password !== "") {
    throw wrong("/url", "It must be an http:// or https:// address without a user's name.");
  }
}

function wrong(pointer: string, message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
