// Turns before the ones that count: a server whose code is not compiled yet costs three times as much
// a turn, and no server that people use is in that state.

import type { Bench } from "../question.ts";
import { runLoad } from "./client.ts";
import { noPace } from "./fake.ts";
import { doubtfulMessage, marked, requestBytes, type Target } from "./target.ts";

const IN_FLIGHT = 32;
const WARM_MS = 5_000;
const WARM_QUICK_MS = 2_500;

/** Warms servers up, one after the other, with a provider that answers at once. */
export async function warm(
  bench: Bench,
  targets: readonly Target[],
  stream = false,
): Promise<void> {
  await bench.provider.pace(noPace);
  for (const target of targets) {
    let session = 0;
    await runLoad({
      port: target.port,
      inFlight: IN_FLIGHT,
      warmMs: 0,
      durationMs: bench.isQuick ? WARM_QUICK_MS : WARM_MS,
      next: () => {
        session += 1;
        const body = target.body(`w${session}`, marked(doubtfulMessage), stream);
        return requestBytes(target, body);
      },
    });
  }
}
