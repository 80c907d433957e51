// Budgets as the door has them: what was used of them is read from counters that runs keep, so that
// looking costs the same however much was spent. What changes them is the tenant's treasury.

import { type TreasuryMessage, treasuryAddress } from "../../../actors/money/messages.ts";
import { type ApiKey, systemTables, systemTenant } from "../../../actors/records/api-key.ts";
import type { AuditSource } from "../../../actors/records/audit.ts";
import {
  type Budget,
  type BudgetInput,
  type BudgetPatch,
  budgetCounters,
  budgetTables,
  EACH,
  isOfRoot,
  periodAt,
  periodEndMs,
  subjectId,
} from "../../../actors/records/budget.ts";
import { microsOf, unitsOf } from "../../../actors/records/price.ts";
import { targetNamed, targetPlace } from "../../../actors/targets.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, Tables } from "../../../runtime/system.ts";
import { KEY_HOURS, type OnceKey } from "./once.ts";
import type { Page, PageRequest } from "./paging.ts";

/** Rows read for one page of reservations; where more were passed over, it is short and has a cursor. */
const ROWS_MAX = 2_000;
const ROWS_AT_ONCE = 200;
const BUDGET_ID = /^bd_[0-9a-z]{26}$/;
const SUBJECTS: Readonly<Record<Budget["scope"], { readonly form: RegExp; readonly say: string }>> =
  {
    tenant: { form: /^$/, say: "left out: it is about the tenant" },
    key: { form: /^ak_[A-Za-z0-9_]{1,90}$/, say: "the id of a key (`ak_...`)" },
    agent: {
      form: /^(ag|tm|wf)_[A-Za-z0-9_]{1,90}$/,
      say: "the id of an agent, a team or a workflow",
    },
    conversation: {
      form: /^(cv_[A-Za-z0-9_-]{1,90}|each)$/,
      say: "the id of a conversation, or `each` for every one by itself",
    },
    run: { form: /^each$/, say: "`each`: every run by itself" },
  };

/** A budget with what was used of it in the period of now. Amounts in units of the account. */
export interface BudgetView {
  readonly id: string;
  readonly name: string | null;
  readonly scope: Budget["scope"];
  readonly subject: string | null;
  readonly limit: number;
  readonly period: Budget["period"];
  readonly on_exhausted: Budget["on_exhausted"];
  readonly counts: "spend" | "charge";
  /** Settled; null where each conversation or run has its own. */
  readonly used: number | null;
  /** What calls under way may cost yet. */
  readonly reserved: number | null;
  readonly left: number | null;
  /** By how much providers went beyond what was reserved. */
  readonly overrun: number | null;
  /** Calls that wait for others to settle. */
  readonly waiting: number;
  readonly resets_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A call that is reserved. */
export interface ReservationView {
  readonly run_id: string;
  readonly call: string;
  readonly amount: number;
  readonly at: string;
}

/** Who asks, and under which key of the request. */
export interface Asking {
  readonly by: AuditSource;
  readonly once: OnceKey | null;
}

type Parts = Pick<System, "ask" | "tables"> & { readonly nowMs: () => number };

/** The budgets of a system. */
export class BudgetService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @throws INVALID for a subject that is not there or does not go with the scope, CONFLICT when there are too many. */
  async create(tenant: string, input: BudgetInput, { by, once }: Asking): Promise<BudgetView> {
    const { scope, limit, period = "total", on_exhausted = "stop", name = null } = input;
    const { counts = "spend" } = input;
    const subject = input.subject ?? null;
    const { form, say } = SUBJECTS[scope];
    if (!form.test(subject ?? "")) {
      throw new RuntimeError("INVALID", `/subject of scope ${scope} must be ${say}.`, {
        pointer: "/subject",
      });
    }
    if (counts === "charge") checkCharging({ subject, scope, on_exhausted });
    if (subject !== null) await this.#checkThere(tenant, scope, subject);
    const nowMs = this.#parts.nowMs();
    const at = new Date(nowMs).toISOString();
    const budget: Budget = {
      ...{ id: newId("bd", nowMs), name, scope, subject, period, on_exhausted, counts },
      ...{ limitMicros: microsOf(limit), created_at: at, updated_at: at, version: 1 },
    };
    return await this.#asked(tenant, { type: "create", budget, by }, once);
  }

  /** A limit of what is not there would limit nothing, and nobody would be told. @throws INVALID. */
  async #checkThere(tenant: string, scope: Budget["scope"], subject: string): Promise<void> {
    const { tables } = this.#parts;
    let named: string | null = null;
    if (scope === "key") {
      const key = (await tables.get(systemTenant, systemTables.apiKeys, subject))?.value as
        | ApiKey
        | undefined;
      if (key?.tenant !== tenant) named = `Key ${subject}`;
    }
    if (scope === "agent") {
      const row = await tables.get(tenant, targetPlace(subject).current, subject);
      if (row === undefined) named = targetNamed(subject);
    }
    if (named === null) return;
    throw new RuntimeError("INVALID", `${named} does not exist.`, { pointer: "/subject" });
  }

  /** @throws NOT_FOUND. */
  async change(
    tenant: string,
    id: string,
    patch: BudgetPatch,
    { by, once }: Asking,
  ): Promise<BudgetView> {
    const { scope, subject, counts, on_exhausted } = await this.#row(tenant, id);
    const next = patch.on_exhausted ?? on_exhausted;
    if (counts === "charge") checkCharging({ subject, scope, on_exhausted: next });
    const of = subjectId(scope, subject);
    return await this.#asked(tenant, { type: "change", id, subject: of, patch, by }, once);
  }

  /** Runs that wait for it go on. @throws NOT_FOUND. */
  async remove(tenant: string, id: string, by: AuditSource): Promise<BudgetView> {
    const { scope, subject } = await this.#row(tenant, id);
    const of = subjectId(scope, subject);
    return await this.#asked(tenant, { type: "remove", id, subject: of, by }, null);
  }

  /** @throws NOT_FOUND. */
  async get(tenant: string, id: string): Promise<BudgetView> {
    return await this.#view(tenant, await this.#row(tenant, id));
  }

  /** In the order in which they were made. */
  async list(tenant: string, { limit, after }: PageRequest): Promise<Page<BudgetView>> {
    const rows = await this.#parts.tables.list(tenant, budgetTables.budgets, {
      ...{ limit: limit + 1, ...(after !== undefined && { after }) },
    });
    const shown = rows.slice(0, limit).map(({ value }) => this.#view(tenant, value as Budget));
    const next = rows.length > limit ? (rows[limit - 1]?.id ?? null) : null;
    return { items: await Promise.all(shown), next };
  }

  /** Calls that are reserved in a budget now, by run. @throws NOT_FOUND. */
  async reservations(
    tenant: string,
    id: string,
    { limit, after }: PageRequest,
  ): Promise<Page<ReservationView>> {
    await this.#row(tenant, id);
    const { tables } = this.#parts;
    const items: ReservationView[] = [];
    let last = after;
    for (let read = 0; read < ROWS_MAX; read += ROWS_AT_ONCE) {
      const from = last === undefined ? {} : { after: last };
      const page = await tables.list(tenant, budgetTables.reservations, {
        ...{ limit: ROWS_AT_ONCE, ...from },
      });
      for (const row of page) {
        const { budgets, micros, at, run, call } = row.value as StoredReservation;
        if (budgets.includes(id)) {
          if (items.length === limit) return { items, next: last ?? null };
          items.push({ run_id: run, call, amount: unitsOf(micros), at });
        }
        last = row.id;
      }
      if (page.length < ROWS_AT_ONCE) return { items, next: null };
    }
    return { items, next: last ?? null };
  }

  async #row(tenant: string, id: string): Promise<Budget> {
    const row = BUDGET_ID.test(id)
      ? await this.#parts.tables.get(tenant, budgetTables.budgets, id)
      : undefined;
    if (row !== undefined) return row.value as Budget;
    throw new RuntimeError("NOT_FOUND", `There is no budget ${id.slice(0, 64)}.`);
  }

  async #asked(
    tenant: string,
    message: TreasuryMessage,
    once: OnceKey | null,
  ): Promise<BudgetView> {
    const key =
      once === null
        ? {}
        : {
            key: {
              source: "http",
              key: `budgets\n${message.type}\n${once.key}`,
              bodyHash: once.bodyHash,
              hours: KEY_HOURS,
            },
          };
    const budget = (await this.#parts.ask(treasuryAddress(tenant), message, key)) as Budget;
    return await this.#view(tenant, budget);
  }

  async #view(tenant: string, budget: Budget): Promise<BudgetView> {
    const { tables, nowMs } = this.#parts;
    const { id, name, scope, subject, limitMicros, period, on_exhausted } = budget;
    const { created_at, updated_at } = budget;
    const now = nowMs();
    const counted = isOfRoot(budget) ? null : await countedOf(tables, tenant, budget, now);
    const endMs = periodEndMs(period, now);
    const queue = await tables.get(tenant, budgetTables.queues, id);
    return {
      ...{ id, name, scope, subject, limit: unitsOf(limitMicros), period, on_exhausted },
      counts: budget.counts ?? "spend",
      ...(counted ?? { used: null, reserved: null, left: null, overrun: null }),
      waiting: Number(queue?.value ?? 0),
      resets_at: endMs === null ? null : new Date(endMs).toISOString(),
      ...{ created_at, updated_at },
    };
  }
}

/** @throws INVALID: a price is known before, so that nothing need wait, and stands for no single run. */
function checkCharging(of: Pick<Budget, "scope" | "subject" | "on_exhausted">): void {
  const pointer =
    of.on_exhausted === "pause" ? "/on_exhausted" : of.subject === EACH ? "/subject" : null;
  if (pointer === null) return;
  const text =
    "A budget that counts charges stops, and is of the tenant, a key, an agent or one conversation by its id.";
  throw new RuntimeError("INVALID", text, { pointer });
}

/** A row of what is reserved. */
interface StoredReservation {
  readonly run: string;
  readonly call: string;
  readonly micros: number;
  readonly at: string;
  readonly budgets: readonly string[];
}

async function countedOf(
  tables: Tables,
  tenant: string,
  { id, period, limitMicros }: Budget,
  nowMs: number,
): Promise<Pick<BudgetView, "used" | "reserved" | "left" | "overrun">> {
  const names = budgetCounters(id, periodAt(period, nowMs));
  const [used, held, over] = await Promise.all([
    tables.counter(tenant, names.used),
    tables.counter(tenant, names.held),
    tables.counter(tenant, names.over),
  ]);
  return {
    used: unitsOf(-used - held),
    reserved: unitsOf(held),
    left: unitsOf(Math.max(0, limitMicros + used)),
    overrun: unitsOf(over),
  };
}
