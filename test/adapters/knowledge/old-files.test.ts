// Index files that are older than the change rows that are kept: nobody knows what of them is gone.

import { expect, test } from "vitest";
import type { Place } from "../../../adapters/knowledge/rows.ts";
import { headOf } from "../../../adapters/knowledge/rows.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { find } from "../../support/find.ts";
import { documentsOf } from "../../support/knowledge-rows.ts";
import { knowledgeRowsOfFile } from "../../support/knowledge-rows-of-file.ts";

const rows = knowledgeRowsOfFile();

test("they are not used, other files are asked for, and every chunk is found once", async () => {
  const place: Place = { tenant: "t1", collection: "cl_old" };
  const { tenant, collection } = place;
  await rows().put(place, documentsOf(15, 40, 1));
  await rows().merger.merge(place, { isForced: true });
  const [kept, replaced] = [documentsOf(1, 10, 2), documentsOf(1, 10, 3)];
  await rows().put(place, [{ id: "d1.3", chunks: kept[0]?.chunks ?? [] }, ...replaced]);
  await rows().writer.removeDocuments(place, ["d1.5"]);
  const head = headOf(await rows().bulk.get(keys.collectionHead(tenant, collection)));
  await rows().bulk.commit([
    { op: "remove", key: keys.change(tenant, collection, head.generation - 1) },
  ]);
  const told: Place[] = [];
  const by = rows().retriever({ damaged: (where) => told.push(where) });

  for (const mode of ["lexical", "vector", "hybrid"] as const) {
    const found = await find(by, { ...place, query: "q1z q2z q3z", topK: 50, mode });
    const ids = found.map(({ chunkId }) => chunkId);

    expect(new Set(ids).size, mode).toBe(ids.length);
    expect(found.length, mode).toBeGreaterThan(0);
    expect(found.filter(({ documentId }) => documentId === "d1.5")).toEqual([]);
  }
  expect(told).toEqual([place]);

  expect(await rows().merger.merge(place, { isForced: true })).toBe(true);
  const exact = rows().retriever({ files: null });
  const asked = { ...place, query: "q1z q2z", topK: 50, mode: "lexical" as const };
  expect(await find(rows().retriever(), asked)).toEqual(await find(exact, asked));
});
