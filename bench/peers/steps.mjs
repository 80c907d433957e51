// What the peers of durable steps share: `steps.mjs SECONDS AT_ONCE LEVEL`, lanes of one run after
// another, a second to warm up. Prints {perSecond, p50, p99}, times in ms.

const WARM_MS = 1_000;
const MORE_MS = 30_000;
const POLL_MS = 50;

/** Steps of a run; step n adds n. */
export const STEPS = 5;
/** What a run gives. */
export const SUM = (STEPS * (STEPS + 1)) / 2;

const [seconds, atOnce] = process.argv.slice(2).map(Number);

/**
 * "flushed": what is stored survives a loss of power before the next step begins; "committed": the
 * end of the process.
 */
export const level = process.argv[4];

/** Measures runs: `start(id)` resolves with the sum when its run has ended, and that is stored. */
export async function measureRuns(start) {
  const times = [];
  let isWarm = false;
  let isOver = false;
  const lane = async (number) => {
    for (let run = 0; !isOver; run += 1) {
      const beganMs = performance.now();
      const sum = await start(`${process.pid}-${number}-${run}`);
      if (sum !== SUM) throw new Error(`The sum is ${sum}.`);
      if (isWarm) times.push(performance.now() - beganMs);
      // One whose storage is synchronous would never let a timer fire.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const lanes = Promise.all(Array.from({ length: atOnce }, (_, at) => lane(at)));
  await Promise.race([lanes, later(WARM_MS)]);
  isWarm = true;
  const beganMs = performance.now();
  const endMs = beganMs + seconds * 1_000;
  await Promise.race([lanes, later(seconds * 1_000)]);
  // Where all of them take longer than that, one of each is waited for.
  while (times.length < atOnce && performance.now() < endMs + MORE_MS) await later(POLL_MS);
  isOver = true;
  const perSecond = (times.length * 1_000) / (performance.now() - beganMs);
  await lanes;
  times.sort((a, b) => a - b);
  const [p50, p99] = [0.5, 0.99].map((share) => times[Math.floor(times.length * share)]);
  process.stdout.write(`${JSON.stringify({ perSecond, p50, p99 })}\n`, () => process.exit(0));
}

function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
