// How long a script takes that does nothing: a new engine with a memory of its own, once the engine is compiled,
// against a child process of Node for the same.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ScriptRequest } from "../../actors/tools/script-run.ts";
import { runScript } from "../../adapters/sandbox/run-script.ts";
import { median, type Question, rounded, row } from "../question.ts";

const RUNS = 50;
const RUNS_QUICK = 10;
const COLD_MS_MAX = 10;
const RATIO_MAX = 0.25;

const nothing: ScriptRequest = {
  ...{ code: "export default (args) => args.n + 1;", file: "script.js", args: { n: 1 } },
  ...{ tools: [], answers: [], nowMs: 0, seed: 1, timeoutMs: 1_000, memoryMb: 32 },
};
const execute = promisify(execFile);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** The question. */
export const sandbox: Question = {
  name: "sandbox",
  async run({ rounds, isQuick, say }) {
    const compile = await timed(() => runScript(nothing));
    const ours: number[] = [];
    const peers: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      say(`round ${round}`);
      const runs: number[] = [];
      const children: number[] = [];
      for (let at = 0; at < (isQuick ? RUNS_QUICK : RUNS); at += 1) {
        runs.push(await timed(() => runScript(nothing)));
        if (at % 5 !== 0) continue;
        children.push(await timed(() => execute(process.execPath, ["-e", "1 + 1"])));
      }
      ours.push(median(runs));
      peers.push(median(children));
    }
    return [
      row("sandbox: ms of a script that does nothing, against a process of Node", ours, {
        peer: peers,
        goal: `< ${COLD_MS_MAX} ms and < ${RATIO_MAX}x`,
        holds: (figure, ratio) => figure < COLD_MS_MAX && ratio < RATIO_MAX,
        note: `node -e: ${rounded(median(peers))} ms; the first of a thread: ${rounded(compile)} ms`,
      }),
    ];
  },
};
