// What does our server add to one turn when nothing else is going on? The provider answers at once,
// so that all of a turn's time is added; the yardstick is one durable put on the same disk.

import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { median, type Question, quantile, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { startPeers } from "../support/peers.ts";
import { canPin, cores } from "../support/processes.ts";
import { doubtfulMessage, marked, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const program = join(dirname(fileURLToPath(import.meta.url)), "..", "support", "put-flush-main.js");
const execute = promisify(execFile);

interface Times {
  readonly p50: number;
  readonly p99: number;
}

/** The question. */
export const chatLatency: Question = {
  name: "chat-latency",
  async run(bench) {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    const peers = await startPeers(["relay", "ai-sdk", "langgraph"], bench.provider.port);
    try {
      const targets = [targetOf(troupe, await makeDesk(troupe)), ...peers];
      await warm(bench, targets);
      const times = new Map<string, Times[]>();
      const keep = (name: string, one: Times): void => {
        times.set(name, [...(times.get(name) ?? []), one]);
        bench.say(`${name} p50 ${one.p50.toFixed(2)} ms, p99 ${one.p99.toFixed(2)} ms`);
      };
      for (let at = 0; at < bench.rounds; at += 1) {
        keep("put+flush", await putFlush());
        for (const target of targets) {
          let session = 0;
          const { addedUs } = await runLoad({
            port: target.port,
            inFlight: 1,
            durationMs: bench.isQuick ? 700 : 1_500,
            warmMs: 200,
            next: () => {
              session += 1;
              const body = target.body(`l${at}-${session}`, marked(doubtfulMessage), false);
              return requestBytes(target, body);
            },
          });
          const [p50, p99] = [quantile(addedUs, 0.5) / 1_000, quantile(addedUs, 0.99) / 1_000];
          keep(target.name, { p50, p99 });
        }
      }
      const all = (name: string, which: keyof Times): number[] =>
        (times.get(name) ?? []).map((one) => one[which]);
      const putP50 = median(all("put+flush", "p50"));
      const putP99 = median(all("put+flush", "p99"));
      const noteOf = (which: keyof Times): string =>
        ["put+flush", ...peers.map(({ name }) => name)]
          .map((name) => `${name} ${median(all(name, which)).toFixed(2)}`)
          .join(", ");
      return [
        row("added latency at 1 at once, p50 ms, against put+flush", all("troupe", "p50"), {
          peer: all("put+flush", "p50"),
          goal: `<= 2 put+flush + 0.5 ms = ${(2 * putP50 + 0.5).toFixed(2)}`,
          holds: (figure) => figure <= 2 * putP50 + 0.5,
          note: noteOf("p50"),
        }),
        row("added latency at 1 at once, p99 ms, against put+flush", all("troupe", "p99"), {
          peer: all("put+flush", "p99"),
          goal: `<= 2 put+flush p99 + 1 ms = ${(2 * putP99 + 1).toFixed(2)}`,
          holds: (figure) => figure <= 2 * putP99 + 1,
          note: noteOf("p99"),
        }),
      ];
    } finally {
      await troupe.stop();
      for (const peer of peers) await peer.running.stop();
    }
  },
};

async function putFlush(): Promise<Times> {
  const args = [process.execPath, program];
  const [command, ...rest] = canPin ? ["taskset", "-c", `${cores.server}`, ...args] : args;
  const { stdout } = await execute(command ?? "", rest);
  return JSON.parse(stdout) as Times;
}
