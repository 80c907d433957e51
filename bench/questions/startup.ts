// How long from the start of the process until it listens, with nothing stored and with many
// conversations, and how much memory does it hold then?

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, type Question, type Row, rounded, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { noPace } from "../support/fake.ts";
import { startPeer } from "../support/peers.ts";
import { clearMessage, marked, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";

const STARTS = 7;
const MANY = 100_000;
const MANY_QUICK = 2_000;
const MEMORY_MAX_MB = 90;
const MANY_LIMIT_MS = 2_000;
const FILL_MS = 2_000;
const IN_FLIGHT = 64;
const MB = 1024 * 1024;

/** The question. */
export const startup: Question = {
  name: "startup",
  async run(bench) {
    await bench.provider.pace(noPace);
    const ours: number[] = [];
    const memory: number[] = [];
    const peers: number[] = [];
    for (let at = 0; at < (bench.isQuick ? 3 : STARTS); at += 1) {
      const troupe = await startTroupe({ providerPort: bench.provider.port, workers: 1 });
      ours.push(troupe.running.startMs);
      memory.push(troupe.running.residentBytes() / MB);
      await troupe.stop();
      const peer = await startPeer("ai-sdk", bench.provider.port);
      if (peer === undefined) continue;
      peers.push(peer.running.startMs);
      await peer.running.stop();
    }
    const note = `AI SDK ${rounded(median(peers))} ms`;
    const many = bench.isQuick ? MANY_QUICK : MANY;
    return [
      row("ms from exec to listening, empty data, against AI SDK + Fastify", ours, {
        peer: peers,
        goal: "<= 0.85x",
        holds: (_figure, ratio) => ratio <= 0.85,
        note,
      }),
      row("MB resident when listening, one worker", memory, {
        goal: `<= ${MEMORY_MAX_MB}`,
        holds: (figure) => figure <= MEMORY_MAX_MB,
      }),
      await withMany(bench.provider.port, many),
    ];
  },
};

async function withMany(providerPort: number, many: number): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), "bench-many-"));
  try {
    const troupe = await startTroupe({ providerPort, folder, workers: 1 });
    const target = targetOf(troupe, await makeDesk(troupe));
    for (let made = 0; made < many; ) {
      const { count } = await runLoad({
        port: troupe.port,
        inFlight: IN_FLIGHT,
        warmMs: 0,
        durationMs: FILL_MS,
        next: () => requestBytes(target, target.body("", marked(clearMessage), false)),
      });
      if (count === 0) throw new Error("the data folder could not be filled");
      made += count;
    }
    await troupe.stop();
    const again = await startTroupe({ providerPort, folder, workers: 1 });
    await again.stop();
    return row(`ms from exec to listening, ${many} conversations stored`, [again.running.startMs], {
      goal: `< ${MANY_LIMIT_MS}`,
      holds: (figure) => figure < MANY_LIMIT_MS,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
