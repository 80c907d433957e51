// Each finding of the doctor, by making the fault; and the command, with a server and without one.

import { spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { type Config, readConfig } from "../../../adapters/config.ts";
import type { Check, Patient } from "../../../adapters/doctor/check.ts";
import { clockCheck } from "../../../adapters/doctor/clock.ts";
import { configurationCheck } from "../../../adapters/doctor/configuration.ts";
import { examine } from "../../../adapters/doctor/examine.ts";
import { folderCheck } from "../../../adapters/doctor/folder.ts";
import { against, machineCheck, nodeOf } from "../../../adapters/doctor/machine.ts";
import { modelsCheck } from "../../../adapters/doctor/models.ts";
import { portCheck } from "../../../adapters/doctor/port.ts";
import { providersCheck } from "../../../adapters/doctor/providers.ts";
import { serverCheck } from "../../../adapters/doctor/server.ts";
import { readersOf, storageCheck } from "../../../adapters/doctor/storage.ts";
import { encode } from "../../../runtime/store/codec.ts";
import { openFolder } from "../../../runtime/store/folder.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { READERS_MAX } from "../../../runtime/store/lmdb.ts";
import { open } from "../../../runtime/store/lmdb-library.ts";
import { makeDiskRoom } from "../../support/disk-room.ts";
import { openData } from "../../support/open-data.ts";
import { type RunningServer, startServer } from "../../support/running-server.ts";

const program = fileURLToPath(new URL("../../../../adapters/cli/troupe.js", import.meta.url));
const withoutNative = new URL("../../support/without-native.js", import.meta.url);
let root = "";

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "troupe-doctor-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A data folder with some rows. */
async function folder(): Promise<string> {
  const path = join(mkdtempSync(join(root, "case-")), "data");
  const owned = openFolder(path);
  const data = await openData(path);
  const ops = [{ op: "put", key: "a/1", value: encode("x".repeat(9_000)) }] as const;
  await data.connect("hot").commit({ ops }).flushed;
  await data.close();
  owned.release();
  return path;
}

async function patient(data: string, more: Partial<Patient> = {}): Promise<Patient> {
  const config = await readConfig({ TROUPE_DATA: data, TROUPE_PORT: "0" }, root);
  return { config, configError: null, data, owner: null, ask: null, ...more };
}

const levelsOf = async (check: Check, of: Patient): Promise<readonly string[]> =>
  (await examine([check], of)).map(({ level, what, fix }) => `${level}: ${what} -> ${fix}`);

test("a sound folder has nothing but ok", async () => {
  const of = await patient(await folder());

  for (const check of [configurationCheck, folderCheck, storageCheck, modelsCheck]) {
    const lines = await levelsOf(check, of);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => !line.startsWith("ok: "))).toEqual([]);
  }
});

test("settings that cannot be read are told one by one", async () => {
  const bad = { TROUPE_PORT: "many", TROUPE_WORKRES: "2" };
  const configError = await readConfig(bad, root).catch((error: unknown) => error);

  const lines = await levelsOf(configurationCheck, {
    ...(await patient(root)),
    config: null,
    configError,
  });

  expect(lines.length).toBe(2);
  expect(lines.join()).toContain("error: TROUPE_PORT: expected");
  expect(lines.join()).toContain("did you mean TROUPE_WORKERS?");
});

test("folders that are open to others, key files that are, files and foreign folders", async () => {
  const data = await folder();
  chmodSync(data, 0o755);
  writeFileSync(join(data, "admin-key"), "k", { mode: 0o644 });
  const foreign = mkdtempSync(join(root, "foreign-"));
  writeFileSync(join(foreign, "letter.txt"), "mine");

  const open = await levelsOf(folderCheck, await patient(data));
  expect(open).toEqual([
    expect.stringMatching(/^warning: .*mode 755.* -> chmod 700/),
    expect.stringMatching(
      /^error: .*admin-key holds a key and other users may read it.* -> chmod 600/,
    ),
  ]);
  const file = join(foreign, "letter.txt");
  expect((await levelsOf(folderCheck, await patient(file))).join()).toContain("is a file");
  expect((await levelsOf(folderCheck, await patient(foreign))).join()).toContain("has no hot.mdb");
  expect((await levelsOf(folderCheck, await patient(join(root, "none")))).join()).toContain(
    "the first start makes it",
  );
});

test("a store that is cut, of another format, or as large as it may be", async () => {
  const cut = await folder();
  truncateSync(join(cut, "hot.mdb"), 9_000);
  const ofFormat = async (format: number): Promise<string> => {
    const path = await folder();
    const store = open<Uint8Array, string>({ path: join(path, "hot.mdb"), encoding: "binary" });
    await store.put(keys.header, encode({ format, shards: 1024, environment: "hot", boots: 1 }));
    await store.close();
    return path;
  };
  const [newer, older] = [await ofFormat(99), await ofFormat(3)];
  const full = await patient(await folder());
  const config = full.config as Config;
  const small = { ...config, runtime: { ...config.runtime, mapBytes: 30_000 } };

  expect((await levelsOf(storageCheck, await patient(cut))).join()).toMatch(
    /error: .*hot\.mdb is damaged: .* -> Restore a backup/,
  );
  expect((await levelsOf(storageCheck, await patient(newer))).join()).toMatch(
    /error: The hot store has format 99, and this version reads \d/,
  );
  expect((await levelsOf(storageCheck, await patient(older))).join()).toMatch(
    /warning: The hot store has format 3: the next start makes it \d+.* -> Make a backup first/,
  );
  expect((await levelsOf(storageCheck, { ...full, config: small })).join()).toMatch(
    /(error|warning): The hot store has \d+ rows .* of what it may have\. -> Raise runtime.map_bytes/,
  );
});

test("slots of readers that are nearly all taken", () => {
  const line = "     4711 7f1fa3b09c80 1";

  expect(readersOf("hot", Array<string>(READERS_MAX * 0.75).fill(line))).toEqual([]);
  expect(readersOf("hot", Array<string>(450).fill(line))).toMatchObject([
    { level: "warning", what: "450 of 512 slots for readers of hot are taken." },
  ]);
});

test("a disk with no room left", async ({ skip }) => {
  const disk = makeDiskRoom("a file system of its own", 4);
  if (disk === null) return skip("this user may not mount a file system");
  onTestFinished(() => disk.end());

  const lines = await levelsOf(storageCheck, await patient(disk.folder));

  expect(lines.join()).toMatch(/error: Only \d MiB .* are free .*writes are refused/);
});

test("a clock that was set back, one that is past, one that jumps", async () => {
  const data = await folder();
  const later = new Date(Date.now() + 3_600_000);
  const sound = await levelsOf(clockCheck, await patient(data));
  utimesSync(join(data, "hot.mdb"), later, later);
  const back = await levelsOf(clockCheck, await patient(data));
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const now = vi.spyOn(Date, "now").mockReturnValue(Date.UTC(2001, 0, 1));
  const past = await levelsOf(clockCheck, await patient(join(root, "none")));
  let reads = 0;
  now.mockImplementation(() => Date.UTC(2030, 0, 1) + 5_000 * reads++);
  const jump = await levelsOf(clockCheck, await patient(join(root, "none")));

  expect(sound.join()).not.toMatch(/error/);
  expect(back.join()).toMatch(/error: The stores were written 3\d\d\d s after .* was set back/);
  expect(past.join()).toMatch(/error: The clock shows 2001-/);
  expect(jump.join()).toMatch(/warning: The clock moved by \d+ ms/);
});

test("a machine with less than the settings ask for, and a Node that is too old", async () => {
  const { config } = await patient(root);
  const asked = { ...(config as Config), workers: 8 };

  const lines = against(asked, { memory: 600, files: 1_024, cores: 2 }).map(({ what }) => what);

  expect(lines.join()).toMatch(/600 MiB of memory, and 8 workers take about 1280 MiB/);
  expect(lines.join()).toMatch(/8 workers on 2 cores/);
  expect(lines.join()).toMatch(/1024 files may be open, and http.connections_max is 20000/);
  expect(against({ ...asked, workers: 1 }, { memory: 4_096, files: null, cores: 2 })).toEqual([]);
  expect(nodeOf("18.20.1")).toMatchObject([{ level: "error" }]);
  expect([nodeOf("20.19.0"), nodeOf("22.1.0")]).toEqual([[], []]);
  expect((await levelsOf(machineCheck, await patient(root))).length).toBeGreaterThan(0);
});

test("a port that is taken, and an owner that does not answer", async () => {
  const taken = await listening(createServer());
  const of = await patient(root);
  const config = { ...(of.config as Config), port: taken.port };

  const lines = await levelsOf(portCheck, { ...of, config });
  const silent = await levelsOf(portCheck, { ...of, config, owner: 4_711 });

  expect(lines.join()).toMatch(/error: 127\.0\.0\.1:\d+ cannot be listened on \(EADDRINUSE\)/);
  expect(silent.join()).toMatch(/error: Process 4711 has the data folder open and does not answer/);
});

async function listening(server: Server): Promise<{ readonly port: number }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
  });
  return { port: (server.address() as AddressInfo).port };
}

test("a provider that refuses a key, lists nothing, or is not there; and no key is shown", async () => {
  const { port } = await listening(
    createServer(({ url, headers }, response) => {
      const isGood = headers.authorization === "Bearer sk-good-key";
      const status = url?.startsWith("/bare") ? 404 : isGood ? 200 : 401;
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ data: [{ id: "m-1" }], error: { message: "no" } }));
    }),
  );
  const text = `
providers:
  - { name: good, kind: openai, base_url: "http://127.0.0.1:${port}/v1", api_keys: ["\${GOOD}", "\${BAD}"] }
  - { name: bare, kind: openai, base_url: "http://127.0.0.1:${port}/bare", api_key: "\${GOOD}" }
  - { name: gone, kind: openai, base_url: "http://127.0.0.1:1/v1", api_key: "\${GOOD}" }
`;
  const at = mkdtempSync(join(root, "providers-"));
  writeFileSync(join(at, "troupe.yaml"), text);
  const config = await readConfig({ GOOD: "sk-good-key", BAD: "sk-bad-key" }, at);

  const lines = await levelsOf(providersCheck, { ...(await patient(root)), config });

  expect(lines).toEqual([
    expect.stringMatching(/^ok: good: lists 1 models with key 1 of 2/),
    expect.stringMatching(/^error: good: .* does not accept key 2 of 2 \(401\)/),
    expect.stringMatching(/^warning: bare: .* lists no models \(404\)/),
    expect.stringMatching(/^error: gone: .* does not answer/),
  ]);
  expect(lines.join()).not.toMatch(/sk-(good|bad)/);
});

test("a local model whose files are not there", async () => {
  const at = mkdtempSync(join(root, "models-"));
  mkdirSync(join(at, "data"));
  writeFileSync(join(at, "troupe.yaml"), "embedders:\n  - { name: small, model: org/small }\n");
  const config = await readConfig({}, at);

  const lines = await levelsOf(modelsCheck, { ...(await patient(root)), config });

  expect(lines.join()).toMatch(
    /error: The embedder "small" lacks .* -> troupe models pull org\/small/,
  );
});

test("a check that throws is a finding, and the others go on", async () => {
  const broken: Check = { name: "broken", run: () => Promise.reject(new Error("no such thing")) };

  const found = await examine([broken, modelsCheck], await patient(root));

  expect(found.map(({ check, level }) => [check, level])).toEqual([
    ["broken", "error"],
    ["local models", "ok"],
  ]);
});

interface Said {
  readonly code: number | null;
  readonly out: string;
}

function doctor(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Said> {
  const child = spawn(process.execPath, [program, "doctor", ...args], {
    env: { ...process.env, ...env },
    cwd: root,
  });
  let out = "";
  child.stdout.on("data", (bytes) => {
    out += String(bytes);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out })));
}

test("the command, without a server, with one that runs, and where a native part has no build", {
  timeout: 60_000,
}, async () => {
  const data = join(mkdtempSync(join(root, "whole-")), "data");
  const env = { TROUPE_DATA: data, TROUPE_SAMPLE: "off", TROUPE_WORKERS: "1" };
  const probe = createServer();
  const port = String((await listening(probe)).port);
  await new Promise((resolve) => probe.close(resolve));
  let server: RunningServer | null = null;
  onTestFinished(async () => {
    await server?.end();
  });

  const before = await doctor({ ...env, TROUPE_PORT: port });
  server = await startServer({ ...env, TROUPE_PORT: port });
  await server.printed(/login\?code=/);
  const key = readFileSync(join(data, "admin-key"), "utf8");
  const running = await doctor({ ...env, TROUPE_PORT: port }, "--json");
  await server.stop();
  chmodSync(join(data, "admin-key"), 0o644);
  const NODE_OPTIONS = `--import=${withoutNative.href}`;
  const ill = await doctor({ ...env, TROUPE_PORT: port, NODE_OPTIONS });

  expect(before).toMatchObject({ code: 0, out: expect.stringContaining("is not there yet") });
  const told = JSON.parse(running.out);
  const server_ = told.findings.filter((one: { check: string }) => one.check === "server");
  expect([running.code, told.ok]).toEqual([0, true]);
  expect(server_).toMatchObject([{ level: "ok", what: expect.stringMatching(/answers/) }]);
  expect(running.out).not.toContain(key.trim());
  expect(ill.code).toBe(1);
  expect(ill.out).toMatch(/ERROR {4}folder: .*admin-key holds a key/);
  expect(ill.out).toMatch(/warning {2}native parts: uWebSockets.js has no build/);
});

test("what only the server knows is asked of it", async () => {
  const answers: Readonly<Record<string, unknown>> = {
    "/admin/runtime": { silent_workers: [2] },
    "/admin/runtime/quarantined?tenant=*&limit=1": { data: [{}] },
    "/admin/dead-letters?tenant=*&limit=1": { data: [{}] },
    "/admin/providers": {
      data: [{ name: "p", breaker: { state: "open", failures_in_a_row: 5 } }],
    },
    "/admin/backup": { status: "failed", path: "/b", error: { message: "full" } },
  };
  const ask = async (path: string): Promise<unknown> => answers[path];

  const lines = await levelsOf(serverCheck, await patient(root, { owner: 1, ask }));

  expect(lines).toHaveLength(5);
  expect(lines.every((line) => line.startsWith("warning: "))).toBe(true);
});
