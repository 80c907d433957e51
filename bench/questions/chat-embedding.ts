// Do chats feel that documents are embedded? Chats at a fixed pace alone, and beside a local model that
// embeds without end, of the width of all-MiniLM-L6-v2 with random weights.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSmallModel } from "../../test/support/small-model.ts";
import { type Bench, type Question, quantile, row } from "../question.ts";
import { Connection } from "../support/client.ts";
import { doubtfulMessage, marked, requestBytes, type Target } from "../support/target.ts";
import { makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const CONNECTIONS = 8;
const PER_SECOND = 5;
const DOCUMENTS = 1_000;
const WORDS = "order refund weather flight paris berlin question answer ";

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let chats = 0;

/** Latencies in ms of one connection's chats. `phase`: where in the pause between two it begins. */
async function paced(target: Target, seconds: number, phase: number): Promise<number[]> {
  const latencyMs: number[] = [];
  await wait((phase * 1_000) / PER_SECOND);
  const connection = new Connection({ port: target.port });
  await connection.open();
  for (let at = 0; at < seconds * PER_SECOND; at += 1) {
    chats += 1;
    const bytes = requestBytes(target, target.body(`e${chats}`, marked(doubtfulMessage), false));
    const [{ status, latencyUs }] = await Promise.all([
      connection.send(bytes),
      wait(1_000 / PER_SECOND),
    ]);
    if (status !== 200) throw new Error(`A chat was answered ${status}.`);
    latencyMs.push(latencyUs / 1_000);
  }
  connection.close();
  return latencyMs;
}

async function p99(target: Target, seconds: number): Promise<number> {
  const all = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, at) => paced(target, seconds, at / CONNECTIONS)),
  );
  return quantile(Float64Array.from(all.flat()).sort(), 0.99);
}

/** A job that embeds until it is cancelled; returns how to do that, and how many chunks came of it. */
async function embedding(troupe: Troupe, round: number): Promise<() => Promise<number>> {
  const path = "/v2/knowledge/collections";
  const made = await troupe.call("POST", path, { name: `Many ${round}`, embedder: "small" });
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
      const alone: number[] = [];
      const beside: number[] = [];
      let note = "";
      for (let round = 0; round < bench.rounds; round += 1) {
        alone.push(await p99(target, seconds));
        const stop = await embedding(troupe, round);
        beside.push(await p99(target, seconds));
        const chunks = await stop();
        note = `alone ${alone.at(-1)?.toFixed(1)} ms, beside ${beside.at(-1)?.toFixed(1)} ms, ${chunks} chunks meanwhile`;
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
