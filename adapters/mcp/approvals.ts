// Approvals as questions to the person at the client: the form that is shown, and what its answer decides.

import type { ElicitRequestFormParams } from "@modelcontextprotocol/server";
import type { Approval, DecisionInput } from "../../actors/records/approval.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { mayUse } from "../http/permissions.ts";
import type { ApprovalService } from "../http/services/approvals.ts";
import type { McpCall } from "./call.ts";
import { shownArguments } from "./results.ts";

/** Characters of a note, as decisions take them. */
const NOTE_CHARS_MAX = 2_000;

/** An answer to such a form. */
export interface FormAnswer {
  readonly action: "accept" | "decline" | "cancel";
  readonly content?: Readonly<Record<string, unknown>> | undefined;
}

/** Whether the caller's key may decide: the rule of /v2/approvals. */
export const mayDecide = ({ context }: McpCall): boolean =>
  mayUse(context.principal, "approvals", "approvals.decide");

/** The question of an approval. */
export function formOf(approval: Approval): ElicitRequestFormParams {
  const { tool, reason, expires_at } = approval;
  return {
    mode: "form",
    message: `${tool} is to be called with ${shownArguments(approval.arguments)}. ${reason} Undecided, it is ${approval.default === "approve" ? "approved" : "rejected"} at ${expires_at}.`,
    requestedSchema: {
      type: "object",
      properties: {
        decision: { type: "string", title: "Decision", enum: ["approve", "reject"] },
        note: {
          type: "string",
          title: "Note",
          description: "Why, for the agent.",
          maxLength: NOTE_CHARS_MAX,
        },
      },
      required: ["decision"],
    },
  };
}

/** What an answer decides. A form that was declined rejects; one that was closed decides nothing. */
export function decisionOf({ action, content = {} }: FormAnswer): DecisionInput | null {
  if (action === "cancel") return null;
  if (action === "decline") return { decision: "reject" };
  const { decision, note } = content;
  if (decision !== "approve" && decision !== "reject") {
    throw new RuntimeError("INVALID", "decision is approve or reject.", { pointer: "/decision" });
  }
  if (typeof note !== "string" || note === "") return { decision };
  return { decision, note: note.slice(0, NOTE_CHARS_MAX) };
}

/**
 * Decides. One that another has decided meanwhile is left as it was decided.
 * @throws NOT_FOUND for an approval of another run, FORBIDDEN.
 */
export async function decide(
  approvals: ApprovalService,
  call: McpCall,
  of: { readonly id: string; readonly run: string; readonly input: DecisionInput },
): Promise<void> {
  if (!mayDecide(call)) {
    const text = `The key's allowed_services do not include "approvals".`;
    throw new RuntimeError("FORBIDDEN", text, { service: "approvals" });
  }
  const { root_run_id } = await approvals.get(call.caller.tenant, of.id);
  if (root_run_id !== of.run) {
    throw new RuntimeError("NOT_FOUND", `Run ${of.run} does not wait for ${of.id}.`);
  }
  try {
    await approvals.decide(call.caller, of.id, of.input, null);
  } catch (error) {
    if (!(error instanceof RuntimeError && error.code === "CONFLICT")) throw error;
  }
}
