// A storage thread that dies takes the process with it: what is durable is what it was.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the death of a storage thread ends the process with code 1 and a line that says so", async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-death-"));
  const entry = fileURLToPath(new URL("../support/threads-storage-death.js", import.meta.url));
  const child = spawn(process.execPath, [entry, folder], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });

  const code = await new Promise((resolve) => child.once("close", resolve));
  rmSync(folder, { recursive: true, force: true });

  expect(out).toContain("The storage thread of hot died, so the process ends");
  expect(code).toBe(1);
});
