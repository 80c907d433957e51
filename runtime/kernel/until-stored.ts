// Writes that nobody else does again: no turn and no run stands behind them, so that a refused batch,
// somebody else's fault or a full disk's, would be the end of them until the next start.

import { isStorageTrouble, type RuntimeError } from "../errors.ts";
import type { Participant } from "./commit-batch.ts";
import type { Engine } from "./engine.ts";

/**
 * Lets `write` write for a shard, at once and again whenever its batch is refused: at once then too, so
 * that no later write of the same rows is undone. A full disk is asked again as the committer does. It
 * ends when the shard goes: its next owner finds what is stored and does the same. `restsOn`: the
 * batch of a message that this is about; refused with it, the message comes again from its sender.
 * From the second time on `write` is told why the batch before was refused.
 */
export function writeUntilStored(
  engine: Engine,
  shard: number,
  write: (owner: Participant, refused?: RuntimeError) => void,
  restsOn?: object,
): void {
  const epoch = engine.epochOf(shard);
  const owner: Participant = {
    shard,
    onRefused: (error, batches) => {
      if (restsOn !== undefined && batches.has(restsOn)) return;
      if (epoch === undefined || engine.epochOf(shard) !== epoch || isOver(engine, error)) return;
      write(owner, error);
    },
  };
  write(owner);
}

/** Whether a kernel that is stopping need not try again: what is stored is found by the next start. */
function isOver({ isDraining }: Engine, { code }: RuntimeError): boolean {
  return (
    code === "SHUTTING_DOWN" || code === "WORKER_LOST" || (isDraining && isStorageTrouble(code))
  );
}
