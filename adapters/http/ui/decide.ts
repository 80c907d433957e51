// Decisions of people that come back through a UI protocol: each is taken as at /v2/approvals/{id}/decide,
// by a key that may, and the run that waited for them is followed on.

import { createHash } from "node:crypto";
import type { Approval, DecisionInput } from "../../../actors/records/approval.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { mayUse } from "../permissions.ts";
import type { RouteContext } from "../route.ts";
import type { Answering } from "../services/answering.ts";
import { hasApproved } from "../services/approvals.ts";
import { actingOf } from "../services/caller.ts";
import type { OnceKey } from "../services/once.ts";
import type { Services } from "../services/services.ts";
import { attached } from "./under-way.ts";

/** What a client says of one approval. */
export interface Decided {
  readonly approval: string;
  readonly input: DecisionInput;
  /** Where it stands in the request. */
  readonly pointer: string;
}

/** A run that goes on, and what was decided. */
export interface Continued {
  readonly answering: Answering;
  readonly decided: ReadonlySet<string>;
  /** Those of them that others have to agree to. */
  readonly open: ReadonlySet<string>;
}

/** What is decided. */
export interface Deciding {
  readonly target: string;
  readonly decisions: readonly Decided[];
  /** Whether the run is cancelled when its last viewer goes. Default false. */
  readonly cancelOnLeave?: boolean;
}

type Context = Pick<RouteContext, "principal" | "route" | "request" | "address">;

/**
 * Decides, and follows the run from its start on. What was decided before in the same way is no conflict.
 * @throws FORBIDDEN, NOT_FOUND, INVALID with a pointer, CONFLICT with `details.current`.
 */
export async function decideAll(
  services: Services,
  context: Context,
  { target, decisions, cancelOnLeave = false }: Deciding,
): Promise<Continued> {
  const { approvals } = services;
  const { principal, request } = context;
  const { tenant } = principal;
  if (!mayUse(principal, "approvals", "approvals.decide")) {
    const need = "Deciding what a run asks needs a key with the service approvals.";
    throw new RuntimeError("FORBIDDEN", need);
  }
  const run = await runOf(services, { tenant, target }, decisions);
  if (principal.boundTo != null) {
    const { demandRun } = await import("../scope/owners.ts");
    await demandRun({ system: services.system, tenant }, principal, run);
  }
  const open = new Set<string>();
  for (const { approval: id, input } of decisions) {
    try {
      await approvals.decide(actingOf(context), id, input, onceOf(id, input));
    } catch (error) {
      const isKnown = error instanceof RuntimeError && error.code === "CONFLICT";
      if (!isKnown || !isSame(await approvals.get(tenant, id), input, principal.keyId)) throw error;
    }
    if ((await approvals.get(tenant, id)).status === "pending") open.add(id);
  }
  const answering = await attached(services, { tenant, run, request, cancelOnLeave });
  return { answering, decided: new Set(decisions.map(({ approval }) => approval)), open };
}

/** The run that all of them are about, looked at before any is decided. */
async function runOf(
  { approvals, chat }: Services,
  { tenant, target }: { readonly tenant: string; readonly target: string },
  decisions: readonly Decided[],
): Promise<string> {
  let run: string | undefined;
  for (const { approval: id, pointer } of decisions) {
    const { root_run_id } = await approvals.get(tenant, id);
    if (run !== undefined && root_run_id !== run) {
      throw new RuntimeError("INVALID", "These decisions are about several runs.", { pointer });
    }
    const { agent } = await chat.find(tenant, root_run_id);
    if (agent !== target) {
      throw new RuntimeError("NOT_FOUND", `${target} asks nothing by the id ${id}.`, { pointer });
    }
    run = root_run_id;
  }
  if (run === undefined) throw new RuntimeError("INTERNAL", "There is nothing to decide.");
  return run;
}

/** Decided so before, or approved so by the same key where others have to agree too. */
function isSame(approval: Approval, input: DecisionInput, keyId: string | null): boolean {
  const { status } = approval;
  if (input.decision === "reject") return status === "rejected";
  const isPartial = status === "pending" && input.arguments === undefined;
  return status === "approved" || (isPartial && hasApproved(approval, keyId));
}

/** The same decision again, of the same key, gets the same answer. */
function onceOf(id: string, input: DecisionInput): OnceKey {
  const bodyHash = createHash("sha256").update(JSON.stringify(input)).digest("hex");
  return { key: `ui ${id}`, bodyHash };
}
