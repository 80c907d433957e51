// From an occurrence to work: a run that begins it, tried again while it is refused for reasons that pass.

import { defineRun } from "../../runtime/actor.ts";
import { errorTable, RuntimeError } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import { triggerLimits } from "../records/trigger.ts";
import type { Launch, Launched } from "./port.ts";

/** Kind of the run that begins an occurrence's work. */
export const launchKind = "trigger-launch";
/** Kind of the run that ends it. */
export const cancelKind = "trigger-cancel";

/** Work to be ended. */
export interface Cancel {
  readonly run: string;
  readonly reason: string;
}

/** How long is waited after each refusal, ms; then as long as the last one again and again. */
const LATER_MS = [2_000, 10_000, 60_000, 300_000];
/** One call of the port, ms. */
const CALL_MS = 60_000;

/** Kind `trigger-launch`. */
export const launchRun = defineRun<Launch, Launched, Pick<Ports, "launches">>({
  kind: launchKind,
  run: async (launch, context) => {
    const endMs = (await context.now("begin")) + triggerLimits.launchMs;
    for (let attempt = 1; ; attempt += 1) {
      const refused = await tried(launch, context, attempt);
      if ("run" in refused) return refused;
      const { code, message } = refused;
      const waitMs = LATER_MS[Math.min(attempt, LATER_MS.length) - 1] ?? 0;
      const isOver = (await context.now(`now:${attempt}`)) + waitMs > endMs;
      if (!errorTable[code].retryable || isOver) throw new RuntimeError(code, message);
      await context.sleep(`later:${attempt}`, waitMs);
    }
  },
});

type Refused = Pick<RuntimeError, "code" | "message">;

/** One attempt. What it was refused with is its result, so that it is the same after a crash. */
function tried(
  launch: Launch,
  context: Parameters<typeof launchRun.run>[1],
  attempt: number,
): Promise<Launched | Refused> {
  const ports = context.ports as Pick<Ports, "launches">;
  return context.step<Launched | Refused>(
    `launch:${attempt}`,
    async ({ signal }) => {
      try {
        return await ports.launches.launch(launch, signal);
      } catch (error) {
        if (!(error instanceof RuntimeError) || context.signal.aborted) throw error;
        return { code: error.code, message: error.message };
      }
    },
    // It has a key: begun again it is the same run.
    { repeat: "safe", timeoutMs: CALL_MS },
  );
}

/** Kind `trigger-cancel`. */
export const cancelRun = defineRun<Cancel, null, Pick<Ports, "launches">>({
  kind: cancelKind,
  run: async ({ run, reason }, context) => {
    await context.step(
      "cancel",
      () => context.ports.launches.cancel({ tenant: context.tenant, run, reason }),
      { repeat: "safe", timeoutMs: CALL_MS },
    );
    return null;
  },
});
