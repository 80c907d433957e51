// Collections of the real door that are embedded anew by one of two embedders that a test can hold up.

import { expect } from "vitest";
import { createBuiltinEmbedder } from "../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../adapters/embed/embedders.ts";
import { type HttpHost, startHttpHost } from "./http-host.ts";
import { embeddersWith, otherEmbedder } from "./other-embedder.ts";
import type { Json } from "./wire-client.ts";

/** Of a document. */
const LINES = 6;
const collections = "/v2/knowledge/collections";

/** A collection: its path, and its id. */
export interface Made {
  readonly path: string;
  readonly id: string;
}

/** Embedders other-1 and other-2 beside the built-in one, a host with them, and what its clients do. */
export function reembedding() {
  const other = otherEmbedder();
  const second = otherEmbedder("other-2");
  let host: HttpHost | undefined;
  const call: HttpHost["call"] = (...request) => {
    if (host === undefined) throw new Error("The host is not started.");
    return host.call(...request);
  };
  return {
    other,
    async start(): Promise<HttpHost> {
      const builtin = createEmbedders(createBuiltinEmbedder());
      host = await startHttpHost({ embedders: embeddersWith(builtin, [other, second]) });
      return host;
    },
    /** To be called after each test: nobody is held up any more. */
    release(): void {
      other.before = () => Promise.resolve();
    },
    async newCollection(embedder?: string): Promise<Made> {
      const named = embedder === undefined ? {} : { embedder };
      const { body } = await call("POST", collections, { name: "Docs", ...named });
      return { path: `${collections}/${body.id}`, id: body.id };
    },
    /** Documents, which are visible afterwards. */
    async add({ path }: Made, documents: readonly object[]): Promise<Json> {
      const { body, status } = await call("POST", `${path}/documents?wait=true`, documents);
      expect([200, 201]).toContain(status);
      return body;
    },
    /** The path of the job. */
    async reembed({ path }: Made, embedder = "other-1"): Promise<string> {
      const { status, headers } = await call("POST", `${path}/reembed`, { embedder });
      expect(status).toBe(202);
      return headers.get("location") ?? "";
    },
  };
}

/** Documents `<word>-<number>`. */
export function textsOf(count: number, word: string, from = 0) {
  return Array.from({ length: count }, (_, more) => {
    const at = from + more;
    const line = (of: number): string =>
      `Line ${of} of the ${word} number ${at} stands on its page.`;
    const text = Array.from({ length: LINES }, (__, of) => line(of)).join(" ");
    const title = `About ${word}`;
    return { id: `${word}-${at}`, title, text: `# Page ${at}\n\n${text}`, metadata: { at } };
  });
}
