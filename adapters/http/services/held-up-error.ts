// What holds a run up, as an error: of protocols that know no answer that is still to come.

import type { ErrorData } from "../../../runtime/errors.ts";
import type { HeldUp, WaitNote } from "./held-up.ts";

/** Approvals, or other waits, that one message names. */
const NAMED_MAX = 5;

/** APPROVAL_REQUIRED while a person has to decide, else RUN_WAITING: what it waits for, and where. */
export function heldUpError(run: string, { approvals, waits }: HeldUp): ErrorData {
  const decide = approvals.map(({ id }) => `POST /v2/approvals/${id}/decide`).slice(0, NAMED_MAX);
  const [first] = waits;
  const queued = first?.kind === "queue" ? `, behind run ${first.run} of its conversation` : "";
  const what =
    decide.length > 0
      ? `for the decision of a person${queued}, and goes on by itself then. Decide: ${decide.join(", ")}.`
      : `${waits.slice(0, NAMED_MAX).map(saidOf).join(", ")}, and goes on by itself then.`;
  return {
    code: decide.length > 0 ? "APPROVAL_REQUIRED" : "RUN_WAITING",
    message: `Run ${run} waits ${what} The answer comes at GET /v2/runs/${run}.`,
  };
}

function saidOf({ kind, run, event, untilMs, url, code }: WaitNote): string {
  if (kind === "auth") {
    const asked = code === undefined ? "" : `, with the code ${code}`;
    return `until an account is connected: open ${url} in a browser${asked}`;
  }
  if (kind === "target") return "until a target is back";
  if (kind === "queue") return `behind run ${run} of its conversation`;
  const until = untilMs === null ? "" : ` until ${new Date(untilMs).toISOString()}`;
  return event === null ? until.trim() : `for the event ${event}${until}`;
}
