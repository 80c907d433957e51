// Ports of an engine thread, whose calls are noted: scripts in the sandbox, and commands of engines.

import { performance } from "node:perf_hooks";
import type { CommandEnd, Engines } from "../../actors/engines/port.ts";
import { type Figures, noteName } from "../../actors/figures.ts";
import type { Compute } from "../../actors/ports.ts";
import type { ScriptOutcome, ScriptRequest } from "../../actors/tools/script-run.ts";
import { type ErrorCode, toErrorData } from "../../runtime/errors.ts";

// Named here: the limits of scripts are not loaded for them at every start.
const [runScriptTask, skillTask] = ["script.run", "skill.script"] as const;

/** Runs of scripts are noted, with their time in the sandbox and before it. */
export function notedCompute(compute: Compute, figures: Figures | undefined): Compute {
  if (figures === undefined) return compute;
  return {
    run: async (task, input, options) => {
      if (task !== runScriptTask && task !== skillTask)
        return await compute.run(task, input, options);
      const { language = "javascript" } = input as Partial<ScriptRequest>;
      const begunMs = performance.now();
      const note = (outcome: string): void =>
        figures.note(
          noteName("script", task === skillTask ? "skill" : language, outcome),
          performance.now() - begunMs,
        );
      try {
        const outcome = await compute.run(task, input, options);
        const { type = "done", code } = outcome as {
          type?: ScriptOutcome["type"];
          code?: ErrorCode;
        };
        note(type === "failed" ? endedBy(code) : type);
        return outcome;
      } catch (error) {
        note(endedBy(toErrorData(error).code));
        throw error;
      }
    },
  };
}

function endedBy(code: string | undefined): string {
  if (code === "DEADLINE") return "timeout";
  if (code === "TASK_MEMORY") return "memory";
  return code === "SANDBOX_UNAVAILABLE" ? "unavailable" : "failed";
}

/** Commands are noted, and what shells do. */
export function notedEngines(engines: Engines, figures: Figures | undefined): Engines {
  if (figures === undefined) return engines;
  const noted = async (row: string, run: () => Promise<CommandEnd>): Promise<CommandEnd> => {
    const begunMs = performance.now();
    const note = (outcome: string): void =>
      figures.note(noteName("engine", row, outcome), performance.now() - begunMs);
    try {
      const end = await run();
      note(end.fault === "timeout" ? "timeout" : end.ok ? "done" : "failed");
      return end;
    } catch (error) {
      note(workEndedBy(toErrorData(error).code));
      throw error;
    }
  };
  return {
    offered: (of) => engines.offered(of),
    awaited: (of) => engines.awaited(of),
    operate: (call, signal) => noted("direct_ops", () => engines.operate(call, signal)),
    shell: (call, signal) => noted("shell", () => engines.shell(call, signal)),
  };
}

/** As what work is noted that ended with this error. */
export function workEndedBy(code: string): string {
  switch (code) {
    case "TARGET_LOST":
      return "lost";
    case "DEADLINE":
      return "timeout";
    case "CANCELLED":
      return "stopped";
    case "INVALID":
    case "NOT_FOUND":
    case "FORBIDDEN":
    case "POOL_FULL":
      return "refused";
    default:
      return "failed";
  }
}
