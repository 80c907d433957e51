// What of tenants wants the operator, as the running server tells it: money that is used up, budgets that
// do not turn, and removals that are overdue.

import { type Check, error, type Finding, ok, warning, wordsOf } from "./check.ts";

/** Tenants that are looked at, and budgets of each. */
const TENANTS_MAX = 100;
const BUDGETS_MAX = 100;
/** So long a removal may take until its bytes are gone from the files, and what its time is late by, ms. */
const PURGED_WITHIN_MS = 24 * 3_600_000;
/** A period that has ended turns with the next look at it; later, the clock or the store is wrong, ms. */
const TURNED_WITHIN_MS = 60_000;

interface Tenant {
  readonly id: string;
  readonly status: string;
  readonly purge: { readonly requested_at: string; readonly phase: string } | null;
}
interface Budget {
  readonly id: string;
  readonly scope: string;
  readonly period: string;
  readonly on_exhausted: string;
  readonly limit: number;
  readonly left: number | null;
  readonly overrun: number | null;
  readonly resets_at: string | null;
}
interface Listed<T> {
  readonly data: readonly T[];
  readonly next_cursor: string | null;
}

/** The check. */
export const tenantsCheck: Check = {
  name: "tenants",
  run: async ({ owner, ask }) => {
    if (owner === null || ask === null) return [];
    const get = async <T>(path: string): Promise<T> => (await ask(path)) as T;
    try {
      const { data, next_cursor } = await get<Listed<Tenant>>(
        `/admin/tenants?limit=${TENANTS_MAX}`,
      );
      const findings: Finding[] = data.flatMap(overdue);
      for (const { id, status } of data) {
        if (status !== "purging" && status !== "purged") findings.push(...(await moneyOf(id, get)));
      }
      if (next_cursor !== null) {
        const text = `Only the first ${TENANTS_MAX} tenants were looked at.`;
        findings.push(
          warning(text, "GET /admin/balance and /admin/budgets ?tenant= for the others."),
        );
      }
      return findings.length > 0
        ? findings
        : [ok(`${data.length} tenants: nothing is used up or overdue.`)];
    } catch (thrown) {
      return [
        warning(
          `The server does not tell its tenants: ${wordsOf(thrown)}`,
          "Name the admin key: --key.",
        ),
      ];
    }
  },
};

function overdue({ id, purge }: Tenant): readonly Finding[] {
  if (purge === null || purge.phase === "done") return [];
  const hours = (Date.now() - Date.parse(purge.requested_at)) / 3_600_000;
  if (hours * 3_600_000 < PURGED_WITHIN_MS) return [];
  const text = `${id} was removed ${Math.floor(hours)} h ago, and its bytes are still in the files (${purge.phase}).`;
  return [
    error(
      text,
      "Stop the server and run troupe compact, or set tenants.purge_by; its log says what kept it.",
    ),
  ];
}

async function moneyOf(
  tenant: string,
  get: <T>(path: string) => Promise<T>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const { balance } = await get<{ readonly balance: number }>(`/admin/balance?tenant=${tenant}`);
  if (balance <= 0) {
    const fix = `POST /admin/tenants/${tenant}/credit`;
    const text = `${tenant} has a balance of ${balance}: what costs something is refused (402).`;
    findings.push(balance < 0 ? error(text, fix) : warning(text, fix));
  }
  const { data } = await get<Listed<Budget>>(
    `/admin/budgets?tenant=${tenant}&limit=${BUDGETS_MAX}`,
  );
  for (const budget of data) findings.push(...judged(tenant, budget));
  return findings;
}

function judged(tenant: string, budget: Budget): readonly Finding[] {
  const { id, scope, period, limit, left, overrun, resets_at } = budget;
  const name = `Budget ${id} of ${tenant} (${scope}, ${limit} a ${period === "total" ? "lifetime" : period})`;
  const findings: Finding[] = [];
  const lateMs = resets_at === null ? 0 : Date.now() - Date.parse(resets_at);
  if (lateMs > TURNED_WITHIN_MS) {
    const text = `${name} should have begun anew at ${resets_at} and has not.`;
    findings.push(
      error(text, "Look at the clock (above) and the log, and start the server again."),
    );
  }
  if (left !== null && left <= 0) {
    const then = budget.on_exhausted === "pause" ? "its runs wait" : "its calls are refused (402)";
    const until = resets_at === null ? "until it is raised" : `until ${resets_at}`;
    findings.push(
      warning(
        `${name} is used up: ${then} ${until}.`,
        `PATCH /admin/budgets/${id} with a higher limit.`,
      ),
    );
  }
  if (overrun !== null && overrun > 0) {
    const text = `${name}: a provider took ${overrun} more than could be reserved.`;
    findings.push(
      warning(text, "Compare its prices and max_tokens with what the provider's bill says."),
    );
  }
  return findings;
}
