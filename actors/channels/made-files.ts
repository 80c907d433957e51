// Files that an agent sends along: stored in the turn that puts what is said into the outbox, so that neither is there
// without the other.

import type { Turn } from "../../runtime/actor.ts";
import { type MadeFile, type Outgoing, outgoingFilesTable } from "./outgoing.ts";

/** What is said, with the files. */
export function withMade(outgoing: Outgoing, made: readonly MadeFile[] = [], turn: Turn): Outgoing {
  if (made.length === 0) return outgoing;
  const files = made.map(({ name, mediaType, content }) => {
    const id = turn.newId("cf");
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    turn.putRow(outgoingFilesTable, id, { bytes });
    return { id, name, mediaType, bytes: bytes.byteLength };
  });
  return { ...outgoing, files };
}
