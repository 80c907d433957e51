// What the front door does for engines and targets: commands of engines are run here, and a little after a start
// somebody looks for what an earlier server has left.

import type { Log } from "../runtime/log.ts";
import type { Tables } from "../runtime/system.ts";
import type { EngineLines } from "./engine-lines.ts";
import type { Services } from "./http/services/services.ts";

/** After the start, ms. */
const AFTER_MS = 2_000;

/** Does it. @returns what stops it. */
export function keepFrontTargets(
  { config: { data }, system, diary: log, lines }: FrontTargets,
  { targets: host, endTargets }: Pick<Services, "targets" | "endTargets">,
): () => void {
  lines.operateBy(async () => (await host()).engines);
  let stop: (() => void) | undefined;
  let isStopped = false;
  const timer = setTimeout(async () => {
    const { keepTargets } = await import("./targets/keeping.ts");
    if (!isStopped) stop = keepTargets({ tables: system.tables, data, log, host });
  }, AFTER_MS).unref();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    stop?.();
    endTargets().catch((err: unknown) => {
      log.write("error", "Connections to targets were not ended.", { err });
    });
  };
}

interface FrontTargets {
  readonly config: { readonly data: string };
  readonly diary: Log;
  readonly system: { readonly tables: Tables };
  readonly lines: Pick<EngineLines, "operateBy">;
}
