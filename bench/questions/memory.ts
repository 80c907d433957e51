// What does an idle conversation cost: an open WebSocket in memory, and on disk what is stored of it?
// Memory is the process's resident size, so that what the collector has not given back counts too.

import { statSync } from "node:fs";
import { join } from "node:path";
import { WebSocket } from "ws";
import { type Question, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { noPace } from "../support/fake.ts";
import { clearMessage, marked, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";

const SOCKETS = 5_000;
const SOCKETS_QUICK = 1_000;
const AT_ONCE = 200;
const SOCKET_BYTES_MAX = 10 * 1024;
const DISK_BYTES_MAX = 2 * 1024;
const BLOCK_BYTES = 512;
const SETTLE_MS = 500;

/** The question. */
export const memory: Question = {
  name: "memory",
  async run(bench) {
    await bench.provider.pace(noPace);
    const troupe = await startTroupe({ providerPort: bench.provider.port, workers: 1 });
    try {
      const desk = await makeDesk(troupe);
      const target = targetOf(troupe, desk);
      const diskBytes = (): number =>
        statSync(join(troupe.folder, "data", "hot.mdb"), { throwIfNoEntry: false })?.blocks ?? 0;
      const load = (durationMs: number) =>
        runLoad({
          ...{ port: troupe.port, inFlight: 32, warmMs: 0, durationMs },
          next: () => requestBytes(target, target.body("", marked(clearMessage), false)),
        });
      // Warm first: what the process takes for code and buffers is no conversation's.
      await load(2_000);
      const sockets = bench.isQuick ? SOCKETS_QUICK : SOCKETS;
      const before = troupe.running.residentBytes();
      const open: WebSocket[] = [];
      while (open.length < sockets) {
        const some = Array.from({ length: AT_ONCE }, () => socketTo(troupe.port, desk.key));
        open.push(...(await Promise.all(some)));
      }
      await wait(SETTLE_MS);
      const each = (troupe.running.residentBytes() - before) / open.length;
      for (const socket of open) socket.terminate();
      const disk = diskBytes();
      const { count } = await load(bench.isQuick ? 1_500 : 5_000);
      const perTurn = ((diskBytes() - disk) * BLOCK_BYTES) / count;
      return [
        row("bytes in memory of an open idle WebSocket", [each], {
          goal: `<= ${SOCKET_BYTES_MAX}`,
          holds: (figure) => figure <= SOCKET_BYTES_MAX,
          note: `${open.length} sockets, signed in, with one conversation to come`,
        }),
        row("bytes on disk of a conversation of one turn, text and journal included", [perTurn], {
          goal: `<= ${DISK_BYTES_MAX} + text`,
          holds: (figure) => figure <= DISK_BYTES_MAX,
          note: `${count} conversations; in memory a hibernated one has nothing`,
        }),
      ];
    } finally {
      await troupe.stop();
    }
  },
};

function socketTo(port: number, key: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, {
      headers: { "x-api-key": key },
      perMessageDeflate: false,
    });
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
}

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
