// One line of a terminal that shows how far something has come. Where there is no terminal, a line
// for each tenth, so that a log stays short.

import type { WriteStream } from "node:tty";

const CELLS = 24;
const TENTHS = 10;

/** A bar. `text` stands behind it. */
export interface ProgressBar {
  show(done: number, total: number, text: string): void;
  /** Leaves the line as it is; what is written next stands below it. */
  end(): void;
}

/** A bar on a stream. */
export function createProgressBar(
  stream: Pick<WriteStream, "write" | "isTTY"> = process.stderr,
): ProgressBar {
  const isTerminal = stream.isTTY === true;
  let said = -1;
  let hasLine = false;
  return {
    show(done, total, text) {
      const share = total === 0 ? 1 : Math.min(1, done / total);
      if (isTerminal) {
        const full = Math.round(share * CELLS);
        const bar = `${"#".repeat(full)}${".".repeat(CELLS - full)}`;
        stream.write(`\r[${bar}] ${done}/${total} ${text}\u001b[K`);
        hasLine = true;
        return;
      }
      const tenth = Math.floor(share * TENTHS);
      if (tenth === said) return;
      said = tenth;
      stream.write(`${done}/${total} ${text}\n`);
    },
    end() {
      if (hasLine) stream.write("\n");
      hasLine = false;
    },
  };
}
