// Epochs of all shards. They are raised at every assignment, so that whatever an earlier owner still
// sends is refused by the storage thread.

import type { Storage } from "../store/storage.ts";

/** The epochs of a data folder while it is open. */
export class Epochs {
  readonly #storage: Pick<Storage, "setEpochs">;
  readonly #epochs: Map<number, number>;

  constructor(storage: Pick<Storage, "setEpochs" | "epochs">) {
    this.#storage = storage;
    this.#epochs = new Map(storage.epochs);
  }

  /** New epochs for these shards; when it resolves, nothing of an earlier owner can be written. */
  async raise(shards: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const raised = new Map<number, number>();
    for (const shard of shards) {
      const epoch = (this.#epochs.get(shard) ?? 0) + 1;
      this.#epochs.set(shard, epoch);
      raised.set(shard, epoch);
    }
    await this.#storage.setEpochs(raised);
    return raised;
  }
}
