// The work of an ingestion job: `ingest` plans and starts parts, a part takes in one unit after the
// other. Each step can be repeated: what it wrote is found again, and what is stored is not done twice.

import { defineRun, type RunContext } from "../../runtime/actor.ts";
import { type Address, address, addressParts } from "../../runtime/address.ts";
import { type ErrorData, RuntimeError } from "../../runtime/errors.ts";
import { collectionAddress } from "../collection.ts";
import type { Ports } from "../ports.ts";
import { type DocumentReport, ingestionLimits } from "../records/ingestion-job.ts";
import { inLanes } from "./lanes.ts";
import { patiently } from "./patience.ts";
import type { Ingest, IngestPlace, PreparedUnit } from "./port.ts";
import { partsOf, type Unit } from "./units.ts";

/** Input of `ingest`: what of the job has no report yet. */
export interface IngestionInput {
  readonly collection: string;
  readonly units: readonly Unit[];
  /** Key that asked; absent: none. */
  readonly keyId?: string | undefined;
}

/** Input of `ingest-part`. */
interface PartInput {
  readonly collection: string;
  readonly job: string;
  readonly units: readonly Unit[];
  readonly keyId?: string | undefined;
}

/** Kind `ingest`. Fails with what is not one document's fault; the job can then be resumed. */
export const ingestRun = defineRun<IngestionInput, null, Ports>({
  kind: "ingest",
  async run({ collection, units, keyId }, context) {
    const job = jobOf(context);
    const parts = [...partsOf(units).entries()];
    await inLanes(parts, ingestionLimits.partsAtOnce, async ([at, part]) => {
      const input: PartInput = { collection, job, units: part, ...(keyId && { keyId }) };
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
  async run({ collection, job, units, keyId }, context) {
    const place = { tenant: context.tenant, collection, job, keyId };
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
    const job = jobAddress(context);
    const look = { perform: () => ingest.visible(place), isClearing: true };
    const visible = isCut ? await patiently(context, job, "visible", look) : [];
    for (let at = 0; at < visible.length; at += ingestionLimits.reports) {
      const documents = visible.slice(at, at + ingestionLimits.reports);
      await context.send(`report:${at}`, job, { type: "report", documents });
    }
    const clear = async (): Promise<null> => {
      await ingest.clear(place);
      return null;
    };
    await patiently(context, job, "clear", { perform: clear, isClearing: true });
    return null;
  },
});

/** A unit whose collection is embedded anew meanwhile is prepared again for what counts then. */
async function takeIn(context: RunContext<Ports>, place: IngestPlace, unit: Unit): Promise<void> {
  const { ingest } = context.ports;
  const first = unit[0] ?? 0;
  for (let tries = 0; tries < ingestionLimits.preparations; tries += 1) {
    const name = tries === 0 ? `${first}` : `${first}.${tries}`;
    const prepared = await patiently(context, jobAddress(context), `prepare:${name}`, {
      perform: ({ signal }) => ingest.prepare(place, unit, signal),
      timeoutMs: ingestionLimits.prepareMs,
    });
    const without = await embedAll(context, ingest, { place, first, name, prepared });
    if (await publish(context, { place, name, prepared, without })) return;
  }
  throw new RuntimeError("CONFLICT", "The collection is embedded anew again and again.");
}

/** Resolves to whether it is visible: not when another edition of the collection counts by now. */
async function publish(
  context: RunContext<Ports>,
  of: {
    readonly place: IngestPlace;
    readonly name: string;
    readonly prepared: PreparedUnit;
    readonly without: ReadonlyMap<number, ErrorData>;
  },
): Promise<boolean> {
  const { place, name, prepared, without } = of;
  for (let tries = 0; tries < ingestionLimits.waits; tries += 1) {
    const at = tries === 0 ? name : `${name}:${tries}`;
    const job = jobAddress(context);
    const { outcome, documents, grown } = await patiently(context, job, `publish:${at}`, {
      perform: () => context.ports.ingest.publish(place, prepared, without),
      timeoutMs: ingestionLimits.publishMs,
    });
    if (grown !== null) {
      const to = collectionAddress(place.tenant, grown);
      await context.send(`grown:${at}`, to, { type: "grown" });
    }
    if (outcome === "moved") return false;
    if (outcome === "waiting") continue;
    await context.send(`report:${at}`, jobAddress(context), { type: "report", documents });
    context.emit(`done:${at}`, { type: "documents", documents: documents.map(shown) });
    return true;
  }
  const text = "The collection's index files are not made: documents would pile up beside them.";
  throw new RuntimeError("CONFLICT", text);
}

/** Embeds all pieces; gives the documents whose chunks an embedder refused for good, by number. */
async function embedAll(
  context: RunContext<Ports>,
  ingest: Ingest,
  unit: {
    readonly place: IngestPlace;
    readonly first: number;
    readonly name: string;
    readonly prepared: PreparedUnit;
  },
): Promise<ReadonlyMap<number, ErrorData>> {
  const { place, first, name, prepared } = unit;
  const { edition } = prepared;
  const refused = new Map<number, ErrorData>();
  const pieces = [...prepared.pieces.entries()];
  await inLanes(pieces, ingestionLimits.piecesAtOnce, async ([piece, { chunks, documents }]) => {
    const without = await patiently(context, jobAddress(context), `embed:${name}:${piece}`, {
      perform: ({ signal }) => ingest.embed(place, { unit: first, piece, edition }, signal),
      timeoutMs: ingestionLimits.embedMs,
    });
    // A journal of a former version holds no list.
    for (const { at, error } of without ?? []) refused.set(documents[at] ?? -1, error);
    context.emit(`embedded:${name}:${piece}`, { type: "chunks", chunks });
  });
  return refused;
}

/** An embedder that says no says so of these texts; one that is not there says it of all. */
export function isRefusal(error: unknown): error is RuntimeError {
  return error instanceof RuntimeError && ["INVALID", "PROVIDER_FAILED"].includes(error.code);
}

function shown({ number, id, status, chunks, error }: DocumentReport): object {
  return { number, id, status, chunks, ...(error === undefined ? {} : { error }) };
}

/** The run lies below its job's actor. */
export function jobOf({ self }: RunContext<Ports>): string {
  return addressParts(self).root;
}

export function jobAddress(context: RunContext<Ports>): Address {
  return address({ kind: "ingestion", tenant: context.tenant, root: jobOf(context) });
}
