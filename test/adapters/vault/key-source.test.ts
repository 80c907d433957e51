// Where the master key may come from, and what is refused: files of others, several sources, no key.

import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type KeySettings, keySource } from "../../../adapters/vault/key-source.ts";

const key = randomBytes(32);
const old = randomBytes(32);
const line = key.toString("base64");
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-keys-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const settings = (more: Partial<KeySettings> = {}): KeySettings => ({
  ...{ masterKey: null, masterKeyFile: null, masterKeyCommand: [], data: folder },
  ...more,
});
const refusalOf = async (more: Partial<KeySettings>): Promise<string> => {
  try {
    await keySource(settings(more)).read();
    return "";
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    expect(code).toBe("CONFIG_INVALID");
    expect(message).not.toContain(line);
    return message;
  }
};
const fileWith = async (text: string, mode: number): Promise<string> => {
  const path = join(folder, "key");
  await writeFile(path, text, { mode });
  await chmod(path, mode);
  return path;
};

test("the environment gives keys, the current one first", async () => {
  const { read, origin } = keySource(settings({ masterKey: `${line},${old.toString("base64")}` }));

  expect([origin, await read()]).toEqual(["environment", [key, old]]);
});

test("a file of its owner's alone is read, one that others may use is refused with its mode", async () => {
  const file = await fileWith(`${line}\n`, 0o600);
  expect(await keySource(settings({ masterKeyFile: file })).read()).toEqual([key]);

  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    await chmod(file, mode);
    expect(await refusalOf({ masterKeyFile: file })).toContain(mode.toString(8));
  }
  expect(await refusalOf({ masterKeyFile: folder })).toMatch(/no file|EISDIR/);
  expect(await refusalOf({ masterKeyFile: join(folder, "none") })).toContain("ENOENT");
});

test("a command is run without a shell, within a size and with its failure told without what it printed", async () => {
  const print = (text: string) => [process.execPath, "-e", text];
  const command = print(`process.stdout.write(${JSON.stringify(line)})`);
  expect(await keySource(settings({ masterKeyCommand: command })).read()).toEqual([key]);

  const failing = print(`console.log("${line}"); console.error("${line}"); process.exit(3)`);
  expect(await refusalOf({ masterKeyCommand: failing })).toContain("ended with 3");
  const endless = print('for (;;) process.stdout.write("x".repeat(10000))');
  expect(await refusalOf({ masterKeyCommand: endless })).toContain("4096 bytes");
  const shell = ["echo", line, "; echo", "$(id)"];
  expect(await refusalOf({ masterKeyCommand: shell })).toContain("expected 32 bytes");
  expect(await refusalOf({ masterKeyCommand: ["/no/such/program"] })).toContain("ENOENT");
});

test("what is no key of 32 bytes, several sources and too many keys are refused", async () => {
  for (const masterKey of ["short", "!".repeat(44), randomBytes(31).toString("base64"), ","]) {
    expect(await refusalOf({ masterKey })).toContain("TROUPE_MASTER_KEY");
  }
  const nine = Array.from({ length: 9 }, () => randomBytes(32).toString("base64")).join(",");
  expect(await refusalOf({ masterKey: nine })).toContain("9 keys");
  const both = settings({ masterKey: line, masterKeyFile: "/x" });
  expect(() => keySource(both)).toThrow(/one can be set/);
});

test("without a setting the key is kept in the data folder, readable by its owner alone", async () => {
  const source = keySource(settings());
  expect(await source.read()).toBeNull();
  await source.write?.([key, old]);

  expect(await keySource(settings()).read()).toEqual([key, old]);
  const { mode } = await stat(join(folder, "master-key"));
  expect(mode & 0o777).toBe(0o600);
  expect(await readFile(join(folder, "master-key"), "utf8")).toBe(
    `${line}\n${old.toString("base64")}\n`,
  );
});
