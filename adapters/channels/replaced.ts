// Messages that took the place of ones that were gone when they should have been changed: later changes go to
// them. In memory alone: what is lost with it is one more message that is said anew.

import type { Receipt } from "../../actors/channels/outgoing.ts";

/** Messages that are remembered, of an account; the oldest go. */
const REPLACED_MAX = 500;

/** Remembers one, by the id of the first. */
export function rememberReplaced(
  replaced: Map<string, Receipt>,
  id: string,
  receipt: Receipt,
): void {
  if (replaced.size >= REPLACED_MAX) {
    for (const oldest of replaced.keys()) {
      replaced.delete(oldest);
      break;
    }
  }
  replaced.set(id, receipt);
}
