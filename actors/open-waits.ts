// What the log of a run says it waits for now: what only a person, somebody outside or time can end.
// Waits in which the time of a run stands still, and no others. Pure.

import type { LogEntry } from "../runtime/runs/log-entry.ts";
import { isDecisionKey } from "./approvals/keys.ts";
import { linkOfKey } from "./credentials/keys.ts";
import { isTargetWaitKey } from "./engines/wait-key.ts";
import { eventOfKey } from "./flow/event-name.ts";
import { isWaitKey } from "./money/wait-key.ts";

/** A wait of a run, or of one below it. */
export interface OpenWait {
  readonly run: string;
  readonly kind: "approval" | "event" | "sleep" | "budget" | "auth" | "target";
  /** Of `auth`: the link at which an account is connected. */
  readonly link?: string;
  /** Name of the event that ends it. */
  readonly event: string | null;
  readonly sinceMs: number;
  /** When it ends by itself. */
  readonly untilMs: number;
}

/** Oldest first. @param log whole and in order. */
export function openWaits(log: readonly LogEntry[]): readonly OpenWait[] {
  const open = new Map<string, OpenWait>();
  for (const entry of log) {
    const { run } = entry;
    switch (entry.type) {
      case "try":
        if (entry.sinceMs !== undefined) open.set(`${run} ${entry.key}`, waitOf(entry));
        break;
      case "step":
      case "failed":
      case "decide":
        open.delete(`${run} ${entry.key}`);
        break;
      case "end":
      case "cancel":
        for (const [key, wait] of open) {
          if (wait.run === run || wait.run.startsWith(`${run}.`)) open.delete(key);
        }
        break;
      default:
    }
  }
  return [...open.values()];
}

function kindOf(key: string): Exclude<OpenWait["kind"], "event"> {
  if (isDecisionKey(key)) return "approval";
  if (linkOfKey(key) !== null) return "auth";
  if (isTargetWaitKey(key)) return "target";
  return isWaitKey(key) ? "budget" : "sleep";
}

function waitOf({ run, key, sinceMs = 0, untilMs = 0 }: LogEntry & { type: "try" }): OpenWait {
  const event = eventOfKey(key);
  const kind = event !== null ? "event" : kindOf(key);
  const link = linkOfKey(key);
  return { run, kind, event, sinceMs, untilMs, ...(link !== null && { link }) };
}
