// The collections that searches through the door are measured in: what is said in them, and where they
// and their server's folder lie.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { type Product, startProduct } from "../../test/support/product.ts";

/** Chunks of a document. */
export const CHUNKS_EACH = 100;
/** Chunks of the small collection: just large enough for index files. */
export const SMALL = 5_000;
/** Words of a chunk. */
export const WORDS = 60;
const VOCABULARY = 20_000;
/** Words of a document's own that two of three of its words are of. */
const TOPIC = 200;

/** Ids of the collections. */
export interface DoorCollections {
  readonly small: string;
  readonly large: string;
}

/** The real server over a folder of the bench, without limits of requests. */
export function startDoor(folder: string): Promise<Product> {
  const config = "http:\n  requests_per_second: 1000000\n  requests_burst: 1000000\n";
  return startProduct({ config, env: { TROUPE_DATA: dataOf(folder) } });
}

/** The server's data folder. */
export const dataOf = (folder: string): string => join(folder, "data");

const namesOf = (folder: string): string => join(folder, "collections.json");

/** Notes them for the programs that search them. */
export function noteCollections(folder: string, made: DoorCollections): void {
  writeFileSync(namesOf(folder), JSON.stringify(made));
}

/** What `noteCollections` noted. */
export function collectionsOf(folder: string): DoorCollections {
  return JSON.parse(readFileSync(namesOf(folder), "utf8")) as DoorCollections;
}

/** Makes texts: of words that any document may have, and of its own. */
export function createTexts(seed: number): {
  below(limit: number): number;
  text(topic: number, words: number): string;
} {
  const random = seeded(seed);
  const rare = (): string => `q${Math.floor(random() ** 3 * VOCABULARY)}z`;
  const ofTopic = (topic: number): string =>
    `q${(topic * 7_919 + Math.floor(random() ** 2 * TOPIC) * 31) % VOCABULARY}z`;
  return {
    below: (limit) => Math.floor(random() * limit),
    text: (topic, words) =>
      Array.from({ length: words }, (_, at) => (at % 3 === 0 ? rare() : ofTopic(topic))).join(" "),
  };
}
