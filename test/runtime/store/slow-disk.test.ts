// What a commit says when the disk is slow to flush, or cannot: `committed` comes with the write,
// `flushed` never before the flush, and a flush that fails ends the process. strace slows the system
// calls of a real process; where it is missing these tests skip.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const canInject = spawnSync("strace", ["-qq", "-e", "trace=none", "true"]).status === 0;
const why = canInject ? "" : " (skipped: strace is missing or may not trace)";
const child = fileURLToPath(new URL("./slow-disk-child.js", import.meta.url));
const COMMITS = 5;
const DELAY_MS = 1_000;
const FAILS_AFTER_MS = 300;

/** Runs the child with something done to its flushes; its lines and its exit code. */
async function run(inject: string): Promise<{ readonly lines: string[]; readonly code: unknown }> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-slow-"));
  const how = ["-f", "-qq", "-e", "trace=fdatasync", "-e", "signal=none", "-o", "/dev/null"];
  const program = [process.execPath, child, folder, String(COMMITS)];
  const traced = spawn("strace", [...how, "-e", inject, ...program], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let out = "";
  traced.stdout.on("data", (chunk) => {
    out += chunk;
  });
  const code = await new Promise((resolve) => traced.once("close", resolve));
  rmSync(folder, { recursive: true, force: true });
  return { lines: out.trim().split("\n"), code };
}

test.skipIf(!canInject)(
  `a commit is told when it is written, and as flushed only after the flush${why}`,
  { timeout: 30_000 },
  async () => {
    const { lines, code } = await run(`inject=fdatasync:delay_enter=${DELAY_MS}000`);

    const told = lines
      .filter((line) => line.startsWith("flushed "))
      .map((line) => line.split(" ").map(Number));
    expect(code).toBe(0);
    expect(told).toHaveLength(COMMITS);
    for (const [, , committedMs, flushedMs] of told) {
      expect(committedMs).toBeLessThan(DELAY_MS);
      expect(flushedMs).toBeGreaterThanOrEqual(DELAY_MS);
    }
  },
);

test.skipIf(!canInject)(
  `a flush that fails after its commit was told ends the process${why}`,
  { timeout: 30_000 },
  async () => {
    // Counted for each thread: the first of each succeeds, which is enough for the start. It fails
    // late, so that the commit has been told.
    const late = `delay_enter=${FAILS_AFTER_MS}000`;
    const { lines, code } = await run(`inject=fdatasync:error=EIO:when=2+:${late}`);

    expect(code).not.toBe(0);
    expect(lines.at(-1)).toMatch(/^committed /);
  },
);
