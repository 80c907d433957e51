// The work of a job that embeds a collection anew: documents slice by slice, then what changed in the
// meantime, round by round, until nothing did and what was built counts.

import { defineRun, type RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { collectionAddress } from "../collection.ts";
import type { Ports } from "../ports.ts";
import { ingestionLimits, reembedLimits as limits } from "../records/ingestion-job.ts";
import { patiently } from "./patience.ts";
import type { CaughtUp, IngestPlace } from "./port.ts";
import { jobAddress, jobOf } from "./run.ts";

/** Input of `reembed`. */
export interface ReembedInput {
  readonly collection: string;
  /** Key that asked; absent: none. */
  readonly keyId?: string | undefined;
}

/** What the collection has when it is done. */
export type Reembedded = Pick<CaughtUp, "documents" | "chunks">;

/** How far the documents have come, over all parts. */
interface Progress {
  readonly after: string | null;
  readonly documents: number;
  readonly chunks: number;
}

/** Input of `reembed-part`. */
type PartInput = Progress & ReembedInput;

/** Kind `reembed`. */
export const reembedRun = defineRun<ReembedInput, Reembedded, Ports>({
  kind: "reembed",
  async run(input, context) {
    const place = placeOf(context, input);
    const { reembed } = context.ports;
    const { generation, isCurrent } = await patiently(context, jobAddress(context), "begin", {
      perform: () => reembed.begin(place),
    });
    if (!isCurrent) await buildAll(context, input);
    return await catchUp(context, place, generation);
  },
});

/** Kind `reembed-part`: some slices. Its result is null when there is nothing left. */
export const reembedPartRun = defineRun<PartInput, Progress | null, Ports>({
  kind: "reembed-part",
  async run({ collection, keyId, ...begun }, context) {
    const place = placeOf(context, { collection, keyId });
    const { reembed } = context.ports;
    let { after, documents, chunks } = begun;
    for (let slice = 0; slice < limits.slices; slice += 1) {
      const from = after;
      const built = await patiently(context, jobAddress(context), `build:${slice}`, {
        perform: ({ signal }) => reembed.build(place, from, signal),
        timeoutMs: limits.stepMs,
      });
      after = built.after;
      documents += built.documents;
      chunks += built.chunks;
      await tellGrown(context, `${slice}`, built.grown);
      const progress = { type: "progress", documents, chunks } as const;
      const told = { ...progress, reports: built.reports, removed: [] };
      await context.send(`progress:${slice}`, jobAddress(context), told);
      context.emit(`built:${slice}`, progress);
      if (built.isLast) return null;
    }
    return { after, documents, chunks };
  },
});

/** Kind `reembed-clear`: what does not count is removed. Tells whether what was built does. */
export const reembedClearRun = defineRun<ReembedInput, { isCurrent: boolean }, Ports>({
  kind: "reembed-clear",
  async run(input, context) {
    const place = placeOf(context, input);
    return await patiently(context, jobAddress(context), "clear", {
      perform: () => context.ports.reembed.clear(place),
      timeoutMs: limits.stepMs,
      isClearing: true,
    });
  },
});

async function buildAll(context: RunContext<Ports>, whose: ReembedInput): Promise<void> {
  let progress: Progress | null = { after: null, documents: 0, chunks: 0 };
  for (let part = 0; part < limits.parts; part += 1) {
    const outcome = await context.child(`part:${part}`, {
      kind: "reembed-part",
      input: { ...whose, ...progress } satisfies PartInput,
      timeoutMs: ingestionLimits.runMs,
    });
    if (outcome.status !== "completed") {
      const { code, message, details } = outcome.error;
      throw new RuntimeError(code, message, details);
    }
    progress = outcome.result as Progress | null;
    if (progress === null) return;
  }
  throw new RuntimeError("STEPS_EXHAUSTED", "The collection has too many documents for one job.");
}

async function catchUp(
  context: RunContext<Ports>,
  place: IngestPlace,
  generation: number,
): Promise<Reembedded> {
  let since = generation;
  let outrun = 0;
  for (let round = 0; round < limits.rounds; round += 1) {
    const longer = Math.max(0, outrun - limits.roundsFree + 1);
    const of = { since, holdMs: Math.min(limits.holdMs * longer, limits.holdMsMax) };
    const step = `catch-up:${round}`;
    const { isCurrent, documents, chunks, ...now } = await patiently(
      context,
      jobAddress(context),
      step,
      {
        perform: ({ signal }) => context.ports.reembed.catchUp(place, of, signal),
        timeoutMs: limits.stepMs,
      },
    );
    const { reports, removed } = now;
    if (reports.length + removed.length > 0) {
      const told = { type: "progress", documents: 0, chunks: 0, reports, removed } as const;
      await context.send(`changed:${round}`, jobAddress(context), told);
    }
    if (isCurrent) return { documents, chunks };
    since = now.since;
    if (now.grown === null) {
      outrun += 1;
      continue;
    }
    await tellGrown(context, `catch-up:${round}`, now.grown);
    await context.sleep(`wait:${round}`, Math.min(limits.waitMs * (round + 1), limits.waitMsMax));
  }
  throw new RuntimeError("CONFLICT", "The collection changes faster than it is embedded.");
}

async function tellGrown(
  context: RunContext<Ports>,
  name: string,
  edition: string | null,
): Promise<void> {
  if (edition === null) return;
  await context.send(`grown:${name}`, collectionAddress(context.tenant, edition), {
    type: "grown",
  });
}

function placeOf(context: RunContext<Ports>, { collection, keyId }: ReembedInput): IngestPlace {
  return { tenant: context.tenant, collection, job: jobOf(context), keyId };
}
