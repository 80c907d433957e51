// Processes of this machine by their command, from /proc.

import { readdir, readFile } from "node:fs/promises";

/** Ids of those that were started with exactly these words. */
export async function processesOf(command: readonly string[]): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return pids.filter((_, at) => lines[at] === `${command.join("\0")}\0`);
}
