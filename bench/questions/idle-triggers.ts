// What do triggers cost that have nothing to do? CPU of a server at rest with 10,000 of them, of all types, beside one
// with none, over the same minutes.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, type Question, rounded, row } from "../question.ts";
import { startTroupe, type Troupe } from "../support/troupe.ts";

const TRIGGERS = 10_000;
const TRIGGERS_QUICK = 1_400;
const AT_ONCE = 16;
/** A minute in which a thousandth of a core is used more than without them cannot be told from one without. */
const ADDED_MAX_S = 0.06;
const WINDOW_MS = 60_000;
const WINDOW_QUICK_MS = 20_000;
const ROUNDS = 3;
/** After a start: what it puts off until then is done. */
const REST_MS = 75_000;
const REST_QUICK_MS = 45_000;
const FOLDERS = 100;
const FILES = 10;
/** Triggers that listen to one agent at most. */
const LISTENERS = 50;

/** The question. */
export const idleTriggers: Question = {
  name: "idle-triggers",
  async run(bench) {
    const count = bench.isQuick ? TRIGGERS_QUICK : TRIGGERS;
    const windowMs = bench.isQuick ? WINDOW_QUICK_MS : WINDOW_MS;
    const folder = mkdtempSync(join(tmpdir(), "bench-triggers-"));
    const options = { providerPort: null, folder, workers: 1, yaml: yamlOf(folder) };
    makeFolders(folder);
    const running: Troupe[] = [];
    try {
      bench.say(`making ${count} triggers`);
      const filled = await startTroupe(options);
      running.push(filled);
      await fill(filled, count);
      await filled.stop();
      running.pop();
      running.push(
        await startTroupe(options),
        await startTroupe({ providerPort: null, workers: 1 }),
      );
      const [many, none] = running as [Troupe, Troupe];
      await wait(bench.isQuick ? REST_QUICK_MS : REST_MS);
      const withMany: number[] = [];
      const withNone: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = [many, none].map(({ running: { cpuSeconds } }) => cpuSeconds());
        await wait(windowMs);
        const [used = 0, usual = 0] = [many, none].map(
          ({ running: { cpuSeconds } }, at) => cpuSeconds() - (before[at] ?? 0),
        );
        const perMinute = WINDOW_MS / windowMs;
        withMany.push(used * perMinute);
        withNone.push(usual * perMinute);
      }
      const added = withMany.map((used, at) => used - (withNone[at] ?? 0));
      const memory = (many.running.residentBytes() - none.running.residentBytes()) / count;
      return [
        row(`CPU seconds a minute that ${count} idle triggers add to a server at rest`, added, {
          goal: `<= ${ADDED_MAX_S}`,
          holds: (figure) => figure <= ADDED_MAX_S,
          note: `with them ${rounded(median(withMany))}, without ${rounded(median(withNone))}`,
        }),
        row("bytes in memory of an idle trigger, after a start", [memory]),
      ];
    } finally {
      for (const troupe of running) await troupe.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const yamlOf = (folder: string): string =>
  `tools:\n  folders:\n    - { name: desk, path: ${JSON.stringify(join(folder, "desk"))}, tenants: ["*"] }\n`;

function makeFolders(folder: string): void {
  for (let at = 0; at < FOLDERS; at += 1) {
    const place = join(folder, "desk", `f${at}`);
    mkdirSync(place, { recursive: true });
    for (let file = 0; file < FILES; file += 1) writeFileSync(join(place, `${file}.txt`), "x");
  }
}

/** Makes triggers of all types, none of which comes due meanwhile. */
async function fill(troupe: Troupe, count: number): Promise<void> {
  const agents: string[] = [];
  for (let at = 0; at <= count / (LISTENERS * kinds.length) + 1; at += 1) {
    agents.push(`${(await troupe.call("POST", "/v2/agents", { name: `Agent ${at}` }))["id"]}`);
  }
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      const [target = "", ...others] = agents;
      const on = others[Math.floor(at / kinds.length / LISTENERS)] ?? "";
      const kind = kinds[at % kinds.length]?.({ at, on });
      await troupe.call("POST", "/v2/triggers", { name: `Trigger ${at}`, target, ...kind });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

const kinds: readonly ((of: { readonly at: number; readonly on: string }) => object)[] = [
  () => ({ type: "schedule", cron: "0 0 1 1 *", time_zone: "Europe/Berlin" }),
  () => ({ type: "schedule", every: 300 * 86_400 }),
  () => ({ type: "schedule", at: "2091-01-01T00:00:00Z" }),
  () => ({
    type: "webhook",
    secrets: { signing: `whsec_${Buffer.alloc(32, 1).toString("base64")}` },
  }),
  ({ on }) => ({ type: "event", on: { what: "run", of: on } }),
  // At rest: each start would set it off.
  () => ({ type: "startup", is_active: false }),
  ({ at }) => ({ type: "file_change", path: `desk/f${at % FOLDERS}` }),
];

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
