// Runs of five small steps, each step's result durable before the next one begins: how many a second,
// and how long one takes alone. The peer is LangGraph.js with its sqlite checkpointer, a checkpoint a
// step flushed as ours are (synchronous = FULL).

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, type Question, row } from "../question.ts";
import { peerFolder } from "../support/peers.ts";
import { each, type Measured, measure, measureScript } from "../support/run-program.ts";

const MANY = 64;

/** The question. */
export const runtimeSteps: Question = {
  name: "runtime-steps",
  async run(bench) {
    const seconds = bench.isQuick ? 2 : 4;
    const folder = peerFolder("langgraph");
    const rounds = {
      ours: [1, MANY].map((): Measured[] => []),
      peer: [1, MANY].map((): Measured[] => []),
    };
    for (let at = 0; at < bench.rounds; at += 1) {
      for (const [load, atOnce] of [1, MANY].entries()) {
        const ours = await measure("durable-main", ["steps", seconds, 1, atOnce]);
        rounds.ours[load]?.push(ours);
        const peer = folder === undefined ? {} : await langgraph(folder, seconds, atOnce);
        rounds.peer[load]?.push(peer);
        const [mine, theirs] = [ours, peer].map((one) =>
          Math.round(one["perSecond"] ?? Number.NaN),
        );
        bench.say(`${atOnce} at once: ${mine} runs/s, langgraph ${theirs}`);
      }
    }
    const [alone = [], many = []] = rounds.ours;
    const [peerAlone = [], peerMany = []] = rounds.peer;
    const writes = `${median(each(many, "rows")).toFixed(1)} rows and ${median(each(many, "bytes")).toFixed(0)} B a run`;
    return [
      row(
        `runs of 5 durable steps a second, ${MANY} at once, against LangGraph + sqlite`,
        each(many, "perSecond"),
        {
          peer: each(peerMany, "perSecond"),
          note: `LangGraph ${median(each(peerMany, "perSecond")).toFixed(0)}/s; ${writes}`,
        },
      ),
      row(
        "one run of 5 durable steps alone, p50 ms, against LangGraph + sqlite",
        each(alone, "p50"),
        {
          peer: each(peerAlone, "p50"),
          note: `LangGraph ${median(each(peerAlone, "p50")).toFixed(1)} ms`,
        },
      ),
    ];
  },
};

async function langgraph(folder: string, seconds: number, atOnce: number): Promise<Measured> {
  const data = mkdtempSync(join(tmpdir(), "bench-steps-"));
  try {
    return await measureScript(join(folder, "steps.mjs"), [seconds, atOnce], { PEER_DATA: data });
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}
