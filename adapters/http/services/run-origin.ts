// Where a run comes from that was begun with what another one has done, forked or taken up again: its trace is its own
// and links to that one's.

import type { SpanLink } from "../../../actors/trace/span.ts";
import { spanId, traceOfRun } from "../../../actors/trace/trace-context.ts";
import type { RunRow, System } from "../../../runtime/system.ts";

/** The span of the run that it was forked from; undefined: it was not. */
export async function originOf(
  system: Pick<System, "run">,
  tenant: string,
  { fork }: Pick<RunRow, "fork">,
): Promise<SpanLink | undefined> {
  if (fork === undefined) return undefined;
  const original = await system.run(tenant, fork.run);
  const { traceId } = traceOfRun(tenant, fork.run, original?.trace);
  return { traceId, spanId: spanId(fork.run), run: fork.run };
}
