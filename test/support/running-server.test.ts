// What a program that starts servers leaves behind.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const child = fileURLToPath(new URL("./servers-child.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "servers-"));
const GONE_MS = 10_000;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function started(how: string): Promise<{ program: ChildProcess; server: number }> {
  const program = spawn(process.execPath, [child, how, join(folder, how)], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const server = await new Promise<number>((resolve) => {
    program.stdout?.once("data", (bytes) => resolve(Number(String(bytes))));
  });
  return { program, server };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("no server outlives a program", () => {
  test("that fails", async () => {
    const { server } = await started("fails");
    await expect.poll(() => isAlive(server), { timeout: GONE_MS }).toBe(false);
  });

  test("that is told to end", async () => {
    const { program, server } = await started("waits");
    expect(isAlive(server)).toBe(true);
    program.kill("SIGTERM");
    await expect.poll(() => isAlive(server), { timeout: GONE_MS }).toBe(false);
  });

  test("whose bench has been killed", async () => {
    const { program, server } = await started("waits");
    expect(isAlive(server)).toBe(true);
    program.stdin?.destroy();
    await expect.poll(() => isAlive(server), { timeout: GONE_MS }).toBe(false);
  });
});
