// The audit at the door: a handler that acts for an administrator runs as that act, so that what main
// writes for it is told with it. What an actor or the runtime does is on disk before it is asked to.

import { systemTenant } from "../../actors/records/api-key.ts";
import type { AuditOutcome, AuditSource } from "../../actors/records/audit.ts";
import { auditTable } from "../../actors/records/audit.ts";
import { type ErrorCode, type ErrorData, toErrorData } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { Tables } from "../../runtime/system.ts";
import type { Acts } from "../audit/act.ts";
import { type AuditWhat, auditRow } from "../audit/audit-writes.ts";
import { Refusals } from "../audit/refusals.ts";
import { type ActContext, auditSourceOf } from "./act.ts";
import { actOfRoute, carriers, type RouteAct } from "./audit-actions.ts";
import type { Route, RouteContext } from "./route.ts";
import type { HttpResponse } from "./server.ts";
import { refusedBy } from "./tenant-guard.ts";

/** Of what a client calls its method. */
const METHOD_CHARS_MAX = 20;

type Answer = HttpResponse | Promise<HttpResponse>;

/** What the door asks of the audit. */
export interface DoorAudit {
  /** Calls the handler, as the act that its route is. */
  call(context: RouteContext, handle: () => Answer): Answer;
  /** Told of every error that is answered. @param thrown as it came. */
  failed(error: Pick<ErrorData, "code" | "details">, of: () => Refused, thrown?: unknown): void;
  /** Tells the refusals that were counted. */
  end(): Promise<void>;
}

/** Who is answered by an error. */
export interface Refused extends ActContext {
  readonly route: Route | null;
}

/** Errors that are a policy's: who it is, what they may, how much and how fast, and where the server may go. */
const policy: ReadonlySet<string> = new Set<ErrorCode>([
  ...(["UNAUTHENTICATED", "FORBIDDEN", "BALANCE_EXHAUSTED", "EGRESS_REFUSED"] as const),
  ...(["RATE_LIMITED", "TENANT_LIMIT", "TENANT_BUSY", "TENANT_SUSPENDED"] as const),
]);

/** The budget that did not hold a charge; null for other errors: what a run may not spend its purse tells. */
function refusedCharge({ code, details }: Pick<ErrorData, "code" | "details">): string | null {
  if (code !== "BUDGET_EXHAUSTED") return null;
  const limit = details?.["limit"] as { readonly [name: string]: unknown } | undefined;
  return limit?.["counts"] === "charge" ? String(limit["budget"]) : null;
}

/** The audit over a system's tables. */
export function createDoorAudit(options: {
  readonly tables: Tables;
  readonly acts: Acts;
  readonly log: Log;
}): DoorAudit {
  const { tables, acts } = options;
  const refusals = new Refusals(options);
  const known = new Map<Route, RouteAct | null>();
  const actOf = (route: Route): RouteAct | null => {
    const found = known.get(route);
    if (found !== undefined) return found;
    const act = actOfRoute(route);
    known.set(route, act);
    return act;
  };
  return {
    end: () => refusals.end(),
    call: (context, handle) => {
      const act = actOf(context.route);
      if (act === null) return isCarrier(context.route) ? carried(acts, context, handle) : handle();
      return act.row === "before"
        ? announced({ tables, acts, act, context, handle })
        : noted({ tables, acts, act, context, handle });
    },
    failed: (error, of, thrown) => {
      const { code } = error;
      const budget = refusedCharge(error);
      if (budget === null && !policy.has(code)) return;
      const seen = of();
      const refused = { ...seen, principal: refusedBy(thrown) ?? seen.principal };
      const { principal, request, route } = refused;
      refusals.note({
        ...{ tenant: principal.tenant === "" ? systemTenant : principal.tenant, code },
        ...{ source: auditSourceOf(refused), service: route?.service ?? "gateway" },
        method: request.method.slice(0, METHOD_CHARS_MAX),
        ...(budget !== null && { budget }),
      });
    },
  };
}

interface Call {
  readonly tables: Tables;
  readonly acts: Acts;
  readonly act: RouteAct;
  readonly context: RouteContext;
  readonly handle: () => Answer;
}

/** Its row is in the batch of what it writes; where that is nothing, it has one all the same. */
async function noted({ tables, acts, act, context, handle }: Call): Promise<HttpResponse> {
  const source = auditSourceOf(context);
  const { tenant } = context.principal;
  const { action } = act;
  let rows = 0;
  const wrote = (): void => {
    rows += 1;
  };
  const answer = await acts.run({ ...source, tenant, action, wrote }, handle);
  if (rows === 0) await write(tables, tenant, source, { action, subject: subjectOf(context) });
  return answer;
}

/** On disk before it is begun: whatever dies then, that it was asked for is told. */
async function announced({ tables, acts, act, context, handle }: Call): Promise<HttpResponse> {
  const source = auditSourceOf(context);
  const { tenant } = context.principal;
  const { action } = act;
  const what: AuditWhat = { action, subject: subjectOf(context), runId: runOf(context) };
  const begun = auditRow(source, { ...what, outcome: "begun" });
  await tables.write(tenant, [{ type: "put", table: auditTable, id: begun.id, value: begun }]);
  const end = async (outcome: AuditOutcome, details = begun.details): Promise<void> => {
    const row = { ...begun, outcome, details };
    await tables.write(tenant, [{ type: "put", table: auditTable, id: row.id, value: row }]);
  };
  try {
    const answer = await acts.run({ ...source, tenant, action }, handle);
    await end("done");
    return answer;
  } catch (error) {
    const { code } = toErrorData(error);
    await end(isUnknown(code) ? "unknown" : "failed", { code });
    throw error;
  }
}

/** Whether it may have been done nevertheless. */
const isUnknown = (code: ErrorData["code"]): boolean => code === "INTERNAL" || code === "DEADLINE";

/** What it may set up is told; itself it is none. */
function carried(acts: Acts, context: RouteContext, handle: () => Answer): Answer {
  const { tenant } = context.principal;
  return acts.run({ ...auditSourceOf(context), tenant, action: context.route.service }, handle);
}

const isCarrier = ({ method, pattern }: Route): boolean =>
  carriers.includes(`${method} ${pattern}`);

async function write(
  tables: Tables,
  tenant: string,
  source: AuditSource,
  what: AuditWhat,
): Promise<void> {
  const row = auditRow(source, what);
  await tables.write(tenant, [{ type: "put", table: auditTable, id: row.id, value: row }]);
}

/** The innermost thing that the path names. */
function subjectOf({ params, route }: RouteContext): string {
  return (Object.values(params).at(-1) ?? route.pattern).slice(0, 200);
}

function runOf({ params }: RouteContext): string | null {
  return params["rn"] ?? null;
}
