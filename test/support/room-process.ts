// Speaks to a room-child: one call a line, answered in any order.

import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ErrorCode } from "../../runtime/errors.ts";

/** What came back: "ok" and a value, or the error's code and words. */
export type Told = readonly [code: "ok" | ErrorCode, value: unknown];

/** A running child. */
export interface RoomProcess {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Its exit code, when it has ended. */
  readonly ended: Promise<number | null>;
  /** Calls a method of its system. */
  tell(method: string, ...given: unknown[]): Promise<Told>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Stops it as an operator does; its exit code. */
  stop(): Promise<number | null>;
}

const child = fileURLToPath(new URL("./room-child.js", import.meta.url));

/** Starts one; what its start said is in `up`. */
export async function startRoomProcess(options: {
  readonly folder: string;
  readonly effects: string;
  readonly workers?: number;
  readonly mapBytes?: number;
}): Promise<RoomProcess & { readonly up: Told }> {
  const { folder, effects, workers = 1, mapBytes = 2 ** 30 } = options;
  writeFileSync(effects, "", { flag: "a" });
  // A write past the limit of a file's size must fail, not end the process.
  // (LMDB's binding prints each of them in its own words: not shown.)
  const running = spawn(
    "bash",
    ["-c", `trap '' XFSZ; exec "$0" "$@"`, process.execPath, child, folder, effects, `${workers}`],
    { stdio: ["pipe", "pipe", "ignore"], env: { ...process.env, MAP_BYTES: String(mapBytes) } },
  );
  const waiting = new Map<number, (told: Told) => void>();
  let last = 0;
  const answer = (number: number): Promise<Told> =>
    new Promise((resolve) => waiting.set(number, resolve));
  createInterface({ input: running.stdout }).on("line", (line) => {
    const [number, code, value] = JSON.parse(line) as [number, Told[0], unknown];
    waiting.get(number)?.([code, value]);
    waiting.delete(number);
  });
  const closed = new Promise<number | null>((resolve) => {
    running.once("close", (code) => {
      for (const resolveOne of waiting.values()) resolveOne(["WORKER_LOST", `exit ${code}`]);
      resolve(code);
    });
  });
  const up = await answer(0);
  const tell: RoomProcess["tell"] = (method, ...given) => {
    last += 1;
    running.stdin.write(`${JSON.stringify([last, method, ...given])}\n`);
    return answer(last);
  };
  return {
    up,
    pid: running.pid ?? 0,
    process: running,
    ended: closed,
    tell,
    kill: async () => {
      running.kill("SIGKILL");
      await closed;
    },
    stop: async () => {
      await tell("stop", 1_000);
      running.stdin.end();
      return await closed;
    },
  };
}
