// Makes the folder of a server with a large collection, and a small one beside it: rows by the writer
// that ingestion uses, files by one merge. Vectors are the built-in embedder's, so that the server embeds
// each question itself. Arguments: folder, chunks. Prints a figure: candidates of the large one's searches.

import { lexicalVector } from "../../actors/text/vector.ts";
import { builtinEmbedder } from "../../adapters/embed/builtin.ts";
import { defaultTenant } from "../../adapters/front.ts";
import { indexFolder } from "../../adapters/knowledge/index-folder.ts";
import { mergeTask } from "../../adapters/knowledge/merge-task.ts";
import { type Place, segmentBytes } from "../../adapters/knowledge/rows.ts";
import { createKnowledgeWriter, type WritePart } from "../../adapters/knowledge/writer.ts";
import { createSegmentFiles } from "../../adapters/segment-files.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { openBulkReader } from "../../runtime/store/bulk-reader.ts";
import { keys } from "../../runtime/store/keys.ts";
import { openData } from "../../test/support/open-data.ts";
import {
  CHUNKS_EACH,
  createTexts,
  type DoorCollections,
  dataOf,
  noteCollections,
  SMALL,
  startDoor,
  WORDS,
} from "./door-collections.ts";
import { endWithTheBench } from "./program-end.ts";

endWithTheBench();
const [folder = "", chunksGiven = "100000"] = process.argv.slice(2);
/** Documents that are written and made visible together. */
const DOCUMENTS_AT_ONCE = 20;
const path = dataOf(folder);
const { text } = createTexts(11);

const made = await collections();
noteCollections(folder, made);
const data = await openData(path);
const bulk = data.connectBulk();
await fill(bulk, made.small, SMALL);
const expansion = await fill(bulk, made.large, Number(chunksGiven));
await data.close();
console.log(JSON.stringify({ doorExpansion: expansion }));
process.exit(0);

async function collections(): Promise<DoorCollections> {
  const product = await startDoor(folder);
  const one = async (name: string): Promise<string> => {
    const answer = await product.call("POST", "/v2/knowledge/collections", { name });
    if (answer.status !== 201) throw new Error(`A collection was answered ${answer.status}.`);
    return answer.body.id;
  };
  try {
    const ids = { small: await one("Small"), large: await one("Large") };
    await product.stop();
    return ids;
  } finally {
    await product.end();
  }
}

/** Fills a collection of the tenant that the operator key acts in. */
async function fill(bulk: Bulk, collection: string, count: number): Promise<number> {
  const writer = createKnowledgeWriter({ bulk, nowMs: Date.now });
  const place: Place = { tenant: defaultTenant, collection };
  const documents = Math.ceil(count / CHUNKS_EACH);
  for (let from = 0; from < documents; from += DOCUMENTS_AT_ONCE) {
    const size = Math.min(DOCUMENTS_AT_ONCE, documents - from);
    const parts = Array.from({ length: size }, (_, at) => partOf(from + at));
    await writer.writeAll(place, parts, builtinEmbedder, "committed");
    const publications = parts.map(({ documentId, writeId }, at) => ({
      ...{ documentId, writeId, title: "", metadata: { percent: (from + at) % 100 } },
      ...{ bytes: 4, contentHash: "h", chunks: CHUNKS_EACH },
    }));
    await writer.publish(place, publications, builtinEmbedder);
  }
  const input = { ...place, data: path, folder: indexFolder(path, place), isForced: true };
  const tools = { reader: openBulkReader(path), files: createSegmentFiles(), nowMs: Date.now };
  const merged = await mergeTask(input, tools);
  if (merged === null) throw new Error("There was nothing to merge.");
  const key = keys.segment(place.tenant, place.collection);
  await bulk.commit([{ op: "put", key, value: segmentBytes(merged.row) }]);
  return merged.row.vectors.expansion;
}

function partOf(topic: number): WritePart {
  const chunks = Array.from({ length: CHUNKS_EACH }, (_, at) => {
    const words = text(topic, WORDS);
    const vector = lexicalVector(words, builtinEmbedder.dimension);
    return { text: words, headings: [], span: [at, at + 1] as const, vector };
  });
  return { documentId: `d${topic}`, writeId: `w${topic}`, text: "text", chunks };
}
