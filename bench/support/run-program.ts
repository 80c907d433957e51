// Runs a program of this folder that measures by itself and prints one line of JSON. It has all
// cores, unlike a server under test: the runtime's threads are what is measured.

import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { endWithUs, unpinned } from "./processes.ts";

const here = dirname(fileURLToPath(import.meta.url));
const execute = promisify(execFile);
/** Milliseconds a program may take. */
const PROGRAM_MS = 1_800_000;

/** Figures by name, as the program printed them. */
export type Measured = Readonly<Record<string, number>>;

/** What `support/NAME.js` prints when it is run with these arguments. */
export function measure(name: string, args: readonly (string | number)[]): Promise<Measured> {
  return measureScript(join(here, `${name}.js`), args);
}

/** What a script prints, such as a peer's, when it is run in its folder with these variables more. */
export async function measureScript(
  script: string,
  args: readonly (string | number)[],
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> {
  const [command, rest] = unpinned(process.execPath, [script, ...args.map(String)]);
  const options = { timeout: PROGRAM_MS, cwd: dirname(script), env: { ...process.env, ...env } };
  const running = execute(command, rest, options);
  endWithUs(running.child, "SIGTERM");
  const { stdout } = await running;
  const line = stdout.trim().split("\n").at(-1) ?? "";
  return line === "" ? {} : (JSON.parse(line) as Measured);
}

/** The values of one figure over all rounds; NaN where it was not printed. */
export function each(rounds: readonly Measured[], name: string): number[] {
  return rounds.map((one) => one[name] ?? Number.NaN);
}
