// A program of the bench that starts servers ends when it is told to and when the bench is gone, however
// that ended: as a process that exits, so that what it has started is ended with it.

import { fstatSync } from "node:fs";

const STDIN = 0;

/** Call it first. */
export function endWithTheBench(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
  // A socket is what Node gives its children; by hand it is a terminal or a file.
  if (!fstatSync(STDIN).isSocket()) return;
  process.stdin.on("error", () => {}).on("close", () => process.exit(1));
  process.stdin.resume();
}
