// Runs a program of this folder that measures by itself and prints one line of JSON. It has all
// cores, unlike a server under test: the runtime's threads are what is measured.

import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { canPin } from "./processes.ts";

const here = dirname(fileURLToPath(import.meta.url));
const execute = promisify(execFile);
/** Milliseconds a program may take. */
const PROGRAM_MS = 1_800_000;

/** Figures by name, as the program printed them. */
export type Measured = Readonly<Record<string, number>>;

/** What `support/NAME.js` prints when it is run with these arguments; `cores` as taskset writes them. */
export async function measure(
  name: string,
  args: readonly (string | number)[],
  cores = `0-${availableParallelism() - 1}`,
): Promise<Measured> {
  const program = [process.execPath, join(here, `${name}.js`), ...args.map(String)];
  // This process is pinned to one core, which a child would inherit.
  const [command = "", ...rest] = canPin ? ["taskset", "-c", cores, ...program] : program;
  const { stdout } = await execute(command, rest, { timeout: PROGRAM_MS });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  return line === "" ? {} : (JSON.parse(line) as Measured);
}

/** The values of one figure over all rounds; NaN where it was not printed. */
export function each(rounds: readonly Measured[], name: string): number[] {
  return rounds.map((one) => one[name] ?? Number.NaN);
}
