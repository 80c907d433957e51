// The work of an ingestion job: `ingest` plans and starts parts, a part takes in one unit after the
// other. Each step can be repeated: what it wrote is found again, and what is stored is not done twice.

import { defineRun, type RunContext, type StepOptions } from "../../runtime/actor.ts";
import { type Address, address, addressParts } from "../../runtime/address.ts";
import { type ErrorData, RuntimeError, toErrorData } from "../../runtime/errors.ts";
import { collectionAddress } from "../collection.ts";
import type { Ingest, IngestPlace, Ports, PreparedUnit } from "../ports.ts";
import { type DocumentReport, ingestionLimits } from "../records/ingestion-job.ts";
import { partsOf, type Unit } from "./units.ts";

/** Input of `ingest`: what of the job has no report yet. */
export interface IngestionInput {
  readonly collection: string;
  readonly units: readonly Unit[];
}

/** Input of `ingest-part`. */
interface PartInput {
  readonly collection: string;
  readonly job: string;
  readonly units: readonly Unit[];
}

/** A provider that is down is asked again for some minutes before the job stops. */
const PATIENT = { times: 8, minMs: 1_000, maxMs: 60_000 } as const;
const safe = { repeat: "safe", retry: PATIENT } as const satisfies StepOptions<unknown>;

/** Kind `ingest`. Fails with what is not one document's fault; the job can then be resumed. */
export const ingestRun = defineRun<IngestionInput, null, Ports>({
  kind: "ingest",
  async run({ collection, units }, context) {
    const job = jobOf(context);
    const parts = [...partsOf(units).entries()];
    await inLanes(parts, ingestionLimits.partsAtOnce, async ([at, part]) => {
      const input: PartInput = { collection, job, units: part };
      const outcome = await context.child(`part:${at}`, {
        kind: "ingest-part",
        input,
        timeoutMs: ingestionLimits.runMs,
      });
      if (outcome.status === "completed") return;
      const { code, message, details } = outcome.error;
      throw new RuntimeError(code, message, details);
    });
    return null;
  },
});

/** Kind `ingest-part`. */
export const ingestPartRun = defineRun<PartInput, null, Ports>({
  kind: "ingest-part",
  async run({ collection, job, units }, context) {
    const place = { tenant: context.tenant, collection, job };
    for (const unit of units) await takeIn(context, place, unit);
    return null;
  },
});

/** Input of `ingest-clear`. */
export interface ClearInput {
  readonly collection: string;
  /** The job was cut: some documents may be visible that it was not told of. */
  readonly isCut: boolean;
}

/** Kind `ingest-clear`: removes what a job's documents lay in. */
export const ingestClearRun = defineRun<ClearInput, null, Ports>({
  kind: "ingest-clear",
  async run({ collection, isCut }, context) {
    const { ingest } = context.ports;
    const place = { tenant: context.tenant, collection, job: jobOf(context) };
    const visible = isCut ? await context.step("visible", () => ingest.visible(place), safe) : [];
    for (let at = 0; at < visible.length; at += ingestionLimits.reports) {
      const documents = visible.slice(at, at + ingestionLimits.reports);
      await context.send(`report:${at}`, jobAddress(context), { type: "report", documents });
    }
    await context.step("clear", () => ingest.clear(place), safe);
    return null;
  },
});

async function takeIn(context: RunContext<Ports>, place: IngestPlace, unit: Unit): Promise<void> {
  const { ingest } = context.ports;
  const name = unit[0] ?? 0;
  const prepared = await context.step(
    `prepare:${name}`,
    ({ signal }) => ingest.prepare(place, unit, signal),
    { ...safe, timeoutMs: ingestionLimits.prepareMs },
  );
  const without = await embedAll(context, ingest, { place, name, prepared });
  const { documents, isMergeDue } = await context.step(
    `publish:${name}`,
    () => ingest.publish(place, prepared, without),
    { ...safe, timeoutMs: ingestionLimits.publishMs },
  );
  await context.send(`report:${name}`, jobAddress(context), { type: "report", documents });
  if (isMergeDue) {
    const { tenant, collection } = place;
    await context.send(`grown:${name}`, collectionAddress(tenant, collection), { type: "grown" });
  }
  context.emit(`done:${name}`, { type: "documents", documents: documents.map(shown) });
}

/** Embeds all pieces; gives the documents whose chunks an embedder refused for good, by number. */
async function embedAll(
  context: RunContext<Ports>,
  ingest: Ingest,
  unit: { readonly place: IngestPlace; readonly name: number; readonly prepared: PreparedUnit },
): Promise<ReadonlyMap<number, ErrorData>> {
  const { place, name, prepared } = unit;
  const refused = new Map<number, ErrorData>();
  const pieces = [...prepared.pieces.entries()];
  await inLanes(pieces, ingestionLimits.piecesAtOnce, async ([piece, { chunks, documents }]) => {
    try {
      await context.step(
        `embed:${name}:${piece}`,
        ({ signal }) => ingest.embed(place, { unit: name, piece }, signal),
        { ...safe, timeoutMs: ingestionLimits.embedMs },
      );
      context.emit(`embedded:${name}:${piece}`, { type: "chunks", chunks });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      for (const number of documents) refused.set(number, toErrorData(error));
    }
  });
  return refused;
}

/** An embedder that says no says so of these texts; one that is not there says it of all. */
function isRefusal(error: unknown): boolean {
  return error instanceof RuntimeError && ["INVALID", "PROVIDER_FAILED"].includes(error.code);
}

function shown({ number, id, status, chunks, error }: DocumentReport): object {
  return { number, id, status, chunks, ...(error === undefined ? {} : { error }) };
}

/** The run lies below its job's actor. */
function jobOf({ self }: RunContext<Ports>): string {
  return addressParts(self).root;
}

function jobAddress(context: RunContext<Ports>): Address {
  return address({ kind: "ingestion", tenant: context.tenant, root: jobOf(context) });
}

/** Works through a list in so many lanes. The first failure ends it when the other lanes have ended. */
async function inLanes<Item>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); !next.done && !hasFailed; next = rest.next()) {
      try {
        await work(next.value);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
}
