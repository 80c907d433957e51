// The line of agents that work by themselves: how long it is, for the figures, and how many it lets go.

import type { LineMessage, LineView } from "../actors/lines/line.ts";
import { autonomousLine } from "../actors/lines/waiting.ts";
import type { System } from "../runtime/system.ts";

/** A scrape does not wait longer for it, ms. */
const LOOK_MS = 1_000;

/** How it is. @throws DEADLINE, and what asking throws. */
export async function lookAtLine(
  system: Pick<System, "ask">,
  { maxRunning: limit }: { readonly maxRunning: number },
): Promise<LineView & { readonly limit: number }> {
  const message: LineMessage = { type: "describe" };
  const view = await system.ask(autonomousLine, message, { timeoutMs: LOOK_MS });
  return { ...(view as LineView), limit };
}

/** Those that have waited since an earlier start are let go as it holds now; else with the next that enters. */
export async function tellLine(
  system: Pick<System, "ask">,
  { maxRunning: most }: { readonly maxRunning: number },
): Promise<void> {
  const message: LineMessage = { type: "most", most };
  // The server may be stopping.
  await system.ask(autonomousLine, message).catch(() => undefined);
}
