// A stop in the middle of a merge: native code is at work in a thread that the process ends.

import { expect, test } from "vitest";
import { startProduct } from "../support/product.ts";

const STOPS = 3;
const SECTIONS = 900;
const path = "/v2/knowledge/collections";

test("a stop while a collection is merged ends cleanly and loses nothing", {
  timeout: 120_000,
}, async () => {
  const product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
  try {
    const made = await product.call("POST", path, { name: "Large" });
    const collection = String(made.body.id);
    let next = 0;
    const put = async (): Promise<void> => {
      next += 1;
      const section = (at: number): string => `# Part ${at}\n\nq${next}x${at}z is here.`;
      const text = Array.from({ length: SECTIONS }, (_, at) => section(at)).join("\n\n");
      const to = `${path}/${collection}/documents`;
      expect((await product.call("POST", to, { id: `d${next}`, text })).status).toBe(201);
    };

    for (let stop = 0; stop < STOPS; stop += 1) {
      // From the fifth on there is a merge under way; each stop comes a little later into it.
      for (let count = 0; count < 5 - Math.min(stop, 2); count += 1) await put();
      await new Promise((resolve) => setTimeout(resolve, stop * 120));
      expect([await product.stop(), product.server.errors()]).toEqual([0, ""]);
      await product.start();
      const query = { query: `q1x${stop}z`, mode: "lexical", top_k: 1 };
      const found = await product.call("POST", `${path}/${collection}/search`, query);
      expect(found.body.data[0].chunk_id).toMatch(new RegExp(`^d1\\.${stop}-`));
    }
  } finally {
    await product.end();
  }
});
