// Do chats feel that documents are embedded? Chats at a fixed pace alone, and beside a local model that
// embeds without end, of the width of all-MiniLM-L6-v2 with random weights.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSmallModel } from "../../test/support/small-model.ts";
import { type Bench, type Question, row } from "../question.ts";
import { pacedP99 } from "../support/paced.ts";
import { calmly } from "../support/stolen.ts";
import { makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const CONNECTIONS = 8;
const PER_SECOND = 5;
const DOCUMENTS = 1_000;
const WORDS = "order refund weather flight paris berlin question answer ";

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let jobs = 0;

/** A job that embeds until it is cancelled; returns how to do that, and how many chunks came of it. */
async function embedding(troupe: Troupe): Promise<() => Promise<number>> {
  const path = "/v2/knowledge/collections";
  jobs += 1;
  const made = await troupe.call("POST", path, { name: `Many ${jobs}`, embedder: "small" });
  const documents = Array.from({ length: DOCUMENTS }, (_, at) => ({
    id: `d${at}`,
    text: `Note ${at}. ${WORDS.repeat(100)}`,
  }));
  const started = await troupe.call(
    "POST",
    `${path}/${made["id"]}/documents?wait=false`,
    documents,
  );
  const job = `/v2/knowledge/jobs/${started["id"]}`;
  while (Number((await troupe.call("GET", job))["done"]) === 0) await wait(100);
  return async () => {
    const { status, chunks } = await troupe.call("GET", job);
    if (status !== "running") throw new Error(`The job was ${status} before the chats ended.`);
    await troupe.call("POST", `${job}/cancel`);
    return Number(chunks);
  };
}

/** The question. */
export const chatEmbedding: Question = {
  name: "chat-embedding",
  async run(bench: Bench) {
    const seconds = bench.isQuick ? 6 : 15;
    const model = mkdtempSync(join(tmpdir(), "bench-model-"));
    writeSmallModel(model, { hidden: 384, layers: 6, positions: 256 });
    const yaml = `embedders:\n  - { name: small, model: ${model} }\nembedding: { cache_mib: 0 }\n`;
    const troupe = await startTroupe({ providerPort: bench.provider.port, yaml });
    try {
      const target = targetOf(troupe, await makeDesk(troupe));
      await warm(bench, [target]);
      const targets = Array.from({ length: CONNECTIONS }, () => target);
      const pace = { perSecond: PER_SECOND, seconds };
      const alone: number[] = [];
      const beside: number[] = [];
      let note = "";
      for (let round = 0; round < bench.rounds; round += 1) {
        const calm = await calmly(() => pacedP99(targets, pace));
        const loaded = await calmly(async () => {
          const stop = await embedding(troupe);
          const p99Ms = await pacedP99(targets, pace);
          return { p99Ms, chunks: await stop() };
        });
        alone.push(calm.value);
        beside.push(loaded.value.p99Ms);
        note = `alone ${calm.value.toFixed(1)} ms, beside ${loaded.value.p99Ms.toFixed(1)} ms, ${loaded.value.chunks} chunks meanwhile, ${(loaded.stolen * 100).toFixed(1)} % of the CPU stolen`;
        bench.say(note);
      }
      return [
        row("p99 of chats beside a model that embeds without end, ms", beside, {
          peer: alone,
          goal: "<= 2x alone",
          holds: (_, ratio) => ratio <= 2,
          note,
        }),
      ];
    } finally {
      await troupe.stop();
      rmSync(model, { recursive: true, force: true });
    }
  },
};
