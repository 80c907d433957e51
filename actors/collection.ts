// The actor of one edition of a collection (a collection that was never embedded anew has one, under
// its own id): has its index files made anew, one merge at a time. It holds nothing of the collection;
// what is due is seen from the rows by the run itself.

import { defineActor, defineRun, type RunEnded } from "../runtime/actor.ts";
import { type Address, address, addressParts } from "../runtime/address.ts";

/** What a collection's actor is told. */
export type CollectionMessage =
  /** Enough has come or gone for a merge. May be said too often or get lost: it is said again. */
  | { readonly type: "grown" }
  /** The files are missing or damaged. */
  | { readonly type: "damaged" }
  | RunEnded;

interface State {
  /** The merge under way. */
  readonly run: string | null;
  /** What was said meanwhile. */
  readonly next: "nothing" | "grown" | "damaged";
}

/** What a merge needs of its worker. */
export interface MergePorts {
  readonly merger: {
    merge(
      place: { readonly tenant: string; readonly collection: string },
      options: { readonly isForced: boolean },
    ): Promise<boolean>;
  };
}

interface MergeInput {
  readonly collection: string;
  readonly isForced: boolean;
}

/** A merge of a large collection takes minutes. */
const MERGE_MS = 3_600_000;

/** Address of the actor of a collection's edition. */
export function collectionAddress(tenant: string, collection: string): Address {
  return address({ kind: "collection", tenant, root: collection });
}

/** One collection. */
export const collectionActor = defineActor<State, CollectionMessage>({
  kind: "collection",
  version: 1,
  initial: () => ({ run: null, next: "nothing" }),
  receive(state, message, turn) {
    const start = (why: "grown" | "damaged"): State => {
      const { root: collection } = addressParts(turn.self);
      const input: MergeInput = { collection, isForced: why === "damaged" };
      const run = turn.startRun({ kind: "collection-merge", input, timeoutMs: MERGE_MS });
      return { run, next: "nothing" };
    };
    if (message.type !== "run-ended") {
      if (state.run === null) return start(message.type);
      return { ...state, next: state.next === "damaged" ? "damaged" : message.type };
    }
    if (message.run !== state.run) return state;
    const idle: State = { run: null, next: "nothing" };
    // A merge that failed is not tried at once: what is due is said again with the next change.
    const { status } = message.outcome;
    return state.next === "nothing" || status !== "completed" ? idle : start(state.next);
  },
});

/** One merge. Repeated after a crash: files of a merge that was cut are never used. */
export const collectionMergeRun = defineRun<MergeInput, boolean, MergePorts>({
  kind: "collection-merge",
  run: ({ collection, isForced }, context) =>
    context.step(
      "merge",
      () => context.ports.merger.merge({ tenant: context.tenant, collection }, { isForced }),
      { repeat: "safe", timeoutMs: MERGE_MS, local: true },
    ),
});
