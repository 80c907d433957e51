// A process that is killed while it publishes documents and merges a collection, over and over.
// Arguments: data folder, number of its life. It prints a line for each thing done, after it is done,
// and "merge" before a merge.

import { newId } from "../../runtime/id.ts";
import { documentsOf, startKnowledgeRows, type TestDocument } from "./knowledge-rows.ts";

const [folder = "", life = "0"] = process.argv.slice(2);
const place = { tenant: "t1", collection: "cl_killed" };
const CHUNKS = 8;
const AT_ONCE = 3;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const rows = await startKnowledgeRows(folder);
say("up");
void merging();
for (let number = 0; ; number += 1) await publish(number);

/** New documents, and each time one from the life's beginning anew. */
async function publish(number: number): Promise<void> {
  const seed = Number(life) * 1_000 + number + 1;
  const made: TestDocument[] = documentsOf(AT_ONCE, CHUNKS, seed).map(({ chunks }, at) => ({
    id: at === 0 ? `l${life}.again` : `l${life}.${number}.${at}`,
    // Recognises whose chunks they are.
    chunks: chunks.map((chunk) => ({ ...chunk, text: `${chunk.text} w${seed}w` })),
  }));
  for (const document of made) {
    const write = { documentId: document.id, writeId: newId("wr", Date.now()) };
    await rows.writer.writeText(place, write, `${seed}`);
    await rows.writer.writeChunks(place, write, document.chunks, 0, rows.embedder);
    const row = { title: "", metadata: { seed }, bytes: 1, contentHash: `${seed}` };
    await rows.writer.publish(place, [{ ...write, ...row, chunks: CHUNKS }], rows.embedder);
    say(`put ${document.id} ${seed}`);
  }
}

async function merging(): Promise<void> {
  for (;;) {
    say("merge");
    await rows.merger.merge(place, { isForced: true });
    say("merged");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
