// The log files of agents at the front: begun where the settings name a folder, and nothing otherwise.

import type { AgentLogs, AgentLogsOptions } from "./agent-logs.ts";
import type { EngineLines } from "./engine-lines.ts";

/** Them, whether they are written or not. */
export interface FrontLogs {
  /** Lines and runs that were left out; undefined: none are written. */
  dropped(): number | undefined;
  end(): Promise<void>;
}

/** Begins. */
export function createFrontLogs(
  options: AgentLogsOptions & { readonly lines: Pick<EngineLines, "endedTo"> },
): FrontLogs {
  if (options.config.logs.agents === null) {
    return { dropped: () => undefined, end: () => Promise.resolve() };
  }
  let made: AgentLogs | undefined;
  const begun = import("./agent-logs.ts").then(async ({ keepAgentLogs }) => {
    made = await keepAgentLogs(options);
    options.lines.endedTo(made);
  });
  return {
    dropped: () => made?.dropped() ?? 0,
    end: async () => {
      await begun;
      await made?.end();
    },
  };
}
