// Stored responses: a run and the note beside it. Both are read where they are; nothing is copied.

import { type ResponseNote, responseKey } from "../../../../actors/records/response.ts";
import { RuntimeError } from "../../../../runtime/errors.ts";
import type { RunRow, System } from "../../../../runtime/system.ts";
import { placeOfItem, runOfResponse } from "./ids.ts";
import { type FindItem, type Item, messagesOf, type Placed } from "./input.ts";
import { responseLimits } from "./limits.ts";
import { stateOfRow } from "./state.ts";
import { outputOf } from "./view.ts";

/** A response that can be read. */
export interface StoredResponse {
  readonly run: string;
  readonly row: RunRow;
  readonly note: ResponseNote;
}

type Runs = Pick<System, "run" | "records">;

/** Where an id stood, for the error that it is unknown; absent: in the path. */
type Pointer = { readonly pointer: string } | undefined;

/** @throws NOT_FOUND for an id that is none, another tenant's, one that was deleted or has expired. */
export async function findResponse(
  system: Runs,
  tenant: string,
  id: string,
  pointer?: Pointer,
): Promise<StoredResponse> {
  const run = runOfResponse(id);
  const found = run === null ? undefined : await responseOfRun(system, tenant, run);
  if (found !== undefined) return found;
  throw new RuntimeError("NOT_FOUND", `Response ${id.slice(0, 64)} does not exist.`, pointer);
}

/** What is stored of the response of a run; undefined when nothing is. */
export async function responseOfRun(
  system: Runs,
  tenant: string,
  run: string,
): Promise<StoredResponse | undefined> {
  const row = await system.run(tenant, run);
  // A run whose records were trimmed has no input: what it answered is gone.
  if (row === undefined || row.input === null) return undefined;
  const from = responseKey(run);
  const [record] = await system.records(row.parent, { from, to: `${from}.`, limit: 1 });
  return record === undefined ? undefined : { run, row, note: record.value as ResponseNote };
}

/**
 * What was said before: the input and output of the response that is gone on from, and of those before.
 * Their `instructions` are not among it, as the protocol has it.
 * @throws NOT_FOUND, INVALID at `/previous_response_id`.
 */
export async function chainOf(
  system: Runs,
  tenant: string,
  id: string,
): Promise<readonly Placed[]> {
  const pointer = { pointer: "/previous_response_id" };
  const newestFirst: (readonly Placed[])[] = [];
  let next = await findResponse(system, tenant, id, pointer);
  for (;;) {
    newestFirst.push(messagesOf(spokenIn(next, pointer), null));
    const { previous } = next.note;
    if (previous === null) return newestFirst.reverse().flat();
    if (newestFirst.length >= responseLimits.chain) {
      const most = `A chain has at most ${responseLimits.chain} responses`;
      throw new RuntimeError("INVALID", `${most}: begin a new one.`, pointer);
    }
    const before = await responseOfRun(system, tenant, previous);
    if (before === undefined) {
      const gone = "A response that this one goes on from does not exist any more";
      throw new RuntimeError(
        "NOT_FOUND",
        `${gone}: ${id.slice(0, 64)} cannot be gone on.`,
        pointer,
      );
    }
    next = before;
  }
}

function spokenIn({ row, note, run }: StoredResponse, pointer: Pointer): readonly Item[] {
  if (note.conversation !== null) {
    const where = `It was said in conversation ${note.conversation}: go on with that.`;
    throw new RuntimeError("INVALID", where, pointer);
  }
  const state = stateOfRow(row);
  if (state.status === "completed") return [...note.items, ...outputOf(run, note, state)];
  const why = `The previous response is ${state.status}, and only a completed one is gone on from.`;
  throw new RuntimeError("INVALID", why, pointer);
}

/** Finds items of stored responses by their ids. */
export function itemFinder(system: Runs, tenant: string): FindItem {
  return async (id, pointer) => {
    const place = placeOfItem(id);
    const found = place === null ? undefined : await responseOfRun(system, tenant, place.run);
    const item = place && found && itemAt(found, place);
    if (item) return item;
    throw new RuntimeError("NOT_FOUND", `Item ${id.slice(0, 64)} is not stored.`, { pointer });
  };
}

function itemAt(
  { note, row, run }: StoredResponse,
  { part, at }: NonNullable<ReturnType<typeof placeOfItem>>,
): Item | undefined {
  if (part === "input") return note.items[at];
  const output = outputOf(run, note, stateOfRow(row));
  if (part === "message") return output.find(({ type }) => type === "message");
  return output.filter(({ type }) => type === "function_call")[at];
}

/** Bytes of a note as it is kept. @throws INVALID when it is more than is kept. */
export function checkedBytes(note: ResponseNote): number {
  const bytes = Buffer.byteLength(JSON.stringify(note));
  if (bytes <= responseLimits.keptBytes) return bytes;
  const most = `A stored response keeps at most ${responseLimits.keptBytes} bytes of its request`;
  const text = `${most}, and this one has ${bytes}: send it with store: false, or less of it.`;
  throw new RuntimeError("INVALID", text, { pointer: "/input" });
}
