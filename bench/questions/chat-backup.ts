// Do chats feel a backup? Ten tenants send chats at a fixed pace, alone and beside backups that follow one
// another without a pause, each of a store of some ten thousand rows, at the rate that is the default.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, Question, Row } from "../question.ts";
import { createTexts } from "../support/door-collections.ts";
import { Felt, feel } from "../support/felt.ts";
import { feltRows } from "../support/felt-rows.ts";
import type { Load } from "../support/loud.ts";
import type { Pace } from "../support/paced.ts";
import type { Target } from "../support/target.ts";
import { makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** Tenants that are measured at once: the slowest of too few chats is not their p99. */
const QUIET_TENANTS = 10;
const PACE: Pace = { perSecond: 4, seconds: 3 };
/** What the store has: about 60 MiB with its chunks and vectors. */
const DOCUMENTS = 400;
const WORDS = 4_000;
const DOCUMENTS_A_REQUEST = 20;
/** Between two questions whether a backup has ended, ms. */
const LOOK_MS = 50;

async function fill(troupe: Troupe): Promise<void> {
  const texts = createTexts(1);
  const path = "/v2/knowledge/collections";
  const { id } = await troupe.call("POST", path, { name: "much" });
  for (let at = 0; at < DOCUMENTS; at += DOCUMENTS_A_REQUEST) {
    const documents = Array.from({ length: DOCUMENTS_A_REQUEST }, (_, more) => ({
      title: `Document ${at + more}`,
      text: texts.text(at + more, WORDS),
    }));
    await troupe.call("POST", `${path}/${id}/documents?wait=true`, documents);
  }
}

/** Backups one after the other; the load says how many were whole. */
async function backups(troupe: Troupe): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), "bench-backups-"));
  let isOver = false;
  let whole = 0;
  const running = (async () => {
    for (let number = 0; !isOver; number += 1) {
      const file = join(folder, `${number}.backup`);
      await troupe.call("POST", "/admin/backup", { path: file });
      for (;;) {
        const { status } = await troupe.call("GET", "/admin/backup");
        if (status === "completed") break;
        if (status !== "running") throw new Error(`A backup is ${status}.`);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      whole += 1;
      rmSync(file);
    }
  })();
  return async () => {
    isOver = true;
    await running;
    rmSync(folder, { recursive: true, force: true });
    return whole;
  };
}

/** The question. */
export const chatBackup: Question = {
  name: "chat-backup",
  async run(bench: Bench): Promise<readonly Row[]> {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    try {
      const quiet: Target[] = [];
      for (let at = 0; at < QUIET_TENANTS; at += 1) {
        quiet.push(targetOf(troupe, await makeDesk(troupe)));
      }
      await fill(troupe);
      await warm(bench, quiet.slice(0, 1));
      await feel(quiet, new Felt("before", PACE));
      const rounds: (readonly Felt[])[] = [];
      for (let round = 0; round < bench.rounds; round += 1) {
        const felt = [new Felt("alone", PACE), new Felt("beside backups", PACE)] as const;
        await feel(quiet, felt[0]);
        await feel(quiet, felt[1], () => backups(troupe));
        await feel(quiet, felt[0]);
        rounds.push(felt);
        for (const one of felt) bench.say(one.said());
      }
      return feltRows(rounds, { who: "chats", goal: "<= 2x" });
    } finally {
      await troupe.stop();
    }
  },
};
