// Models fetched from a hub: whole, checked, gone on with after a cut, and never half in place. The
// command itself runs as a process.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createEgress } from "../../../adapters/egress.ts";
import { isHubId, type PullOptions, pullModel } from "../../../adapters/embed/hub.ts";
import { readModelFolder } from "../../../adapters/embed/model-folder.ts";
import { listModels } from "../../../adapters/embed/model-list.ts";
import { type FakeHub, type HubListing, startFakeHub } from "../../support/fake-hub.ts";
import { smallModelFiles } from "../../support/small-model.ts";

const id = "Some/small-model";
const weights = "onnx/model_quantized.onnx";
const files: Readonly<Record<string, Buffer>> = {
  ...smallModelFiles(),
  "README.md": Buffer.from("not needed"),
};
const weightsBytes = files[weights] ?? Buffer.alloc(0);
const egress = createEgress({ allowedHosts: ["127.0.0.1", "localhost"] });

let hub: FakeHub;
let models = "";
beforeEach(async () => {
  models = mkdtempSync(join(tmpdir(), "troupe-hub-"));
  hub = await startFakeHub(id);
  hub.setFiles(files);
});
afterEach(async () => {
  await hub.close();
  rmSync(models, { recursive: true, force: true });
});

const pull = (more: Partial<PullOptions> = {}) =>
  pullModel({
    ...{ hub: hub.url, token: null, id, revision: "main", dtype: "q8", egress },
    ...{ folder: join(models, id), ...more },
  });
const placed = (path: string) => readFileSync(join(models, id, path));
const asked = (part: string) => hub.requests.filter(({ path }) => path.includes(part));

test("what an embedder needs is fetched, checked and usable; a second pull fetches nothing", async () => {
  const progress: number[] = [];

  const first = await pull({ onProgress: (_, bytes) => progress.push(bytes) });
  const second = await pull();

  expect(first.commit).toBe(hub.commit);
  expect([...first.fetched].sort()).toEqual(
    [
      ...["config.json", "tokenizer.json", "tokenizer_config.json", weights],
      ...["1_Pooling/config.json", "sentence_bert_config.json"],
    ].sort(),
  );
  for (const path of first.fetched) expect(placed(path)).toEqual(files[path]);
  expect(existsSync(join(models, id, "README.md"))).toBe(false);
  expect(second).toMatchObject({ fetched: [], kept: first.fetched });
  expect(progress).toContain(weightsBytes.length);
  expect(await readModelFolder(id, join(models, id), "q8")).toMatchObject({ dimension: 32 });
  expect(await listModels(models, { verify: true })).toMatchObject([
    { name: id, dtypes: ["q8"], problems: [], commit: hub.commit },
  ]);
});

test("a transfer that is cut goes on where it was, in the same pull and in the next", async () => {
  hub.fault(weights, { cutAfter: 20_000, times: 1 });
  await pull();
  expect(asked("/store/").map(({ range }) => range)).toEqual([undefined, "bytes=20000-"]);
  expect(placed(weights)).toEqual(weightsBytes);

  rmSync(join(models, id, weights));
  const begun = leavePart(weightsBytes.subarray(0, 5_000));
  await pull();
  expect(asked("/store/").at(-1)?.range).toBe("bytes=5000-");
  expect(placed(weights)).toEqual(weightsBytes);
  expect(existsSync(begun)).toBe(false);
});

test("pulls of one model at the same time all end with the right files", async () => {
  await Promise.all([pull(), pull(), pull()]);
  for (const path of ["config.json", "tokenizer.json", weights]) {
    expect(placed(path)).toEqual(files[path]);
  }
  expect(await listModels(models, { verify: true })).toMatchObject([{ problems: [] }]);
});

/** Leaves a part as a pull that was killed leaves it. */
function leavePart(bytes: Buffer): string {
  const manifest = JSON.parse(String(placed("troupe-model.json"))) as {
    files: { path: string; hash: string }[];
  };
  const hash = manifest.files.find(({ path }) => path === weights)?.hash ?? "";
  const part = join(models, id, `${weights}.${hash.slice("sha256:".length).slice(0, 12)}.part`);
  writeFileSync(part, bytes);
  return part;
}

test("a part with wrong bytes, or a server without ranges, ends in the right file", async () => {
  await pull();
  rmSync(join(models, id, weights));
  leavePart(Buffer.alloc(7_000, 1));
  await pull();
  expect(placed(weights)).toEqual(weightsBytes);

  rmSync(join(models, id, weights));
  leavePart(weightsBytes.subarray(0, 100));
  hub.fault(weights, { ignoresRange: true });
  await pull();
  expect(placed(weights)).toEqual(weightsBytes);
});

test("bytes that are not what the hub lists never come into place", async () => {
  hub.fault(weights, { isChanged: true, times: 10 });
  hub.fault("tokenizer.json", { isChanged: true, times: 1 });

  await expect(pull()).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringContaining(`${weights} of ${id} came with other bytes`),
  });
  expect(existsSync(join(models, id, weights))).toBe(false);
  // Once wrong is asked for again.
  expect(placed("tokenizer.json")).toEqual(files["tokenizer.json"]);
  const [listed] = await listModels(models, { verify: false });
  expect(listed?.dtypes).toEqual([]);
});

test("a busy hub is asked again; a key goes to the hub and not where it redirects to", async () => {
  hub.setToken("hf_1");
  hub.fault("config.json", { status: 503 });

  await expect(pull()).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: expect.stringContaining("set HF_TOKEN"),
  });
  await pull({ token: "hf_1" });

  expect(asked("/api/").at(-1)?.authorization).toBe("Bearer hf_1");
  expect(asked("/store/")).not.toHaveLength(0);
  expect(asked("/store/").every(({ authorization }) => authorization === undefined)).toBe(true);
});

test("a redirect to where nobody may go is refused", async () => {
  const strict = createEgress({ allowedHosts: ["127.0.0.1"] });

  await expect(pull({ egress: strict })).rejects.toMatchObject({ code: "EGRESS_REFUSED" });
  strict.close();
});

test("a dtype the model does not have is said, with those it has", async () => {
  await expect(pull({ dtype: "q4" })).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: expect.stringMatching(
      /no onnx\/model_q4.onnx.*It has onnx\/model.onnx, onnx\/model_q/,
    ),
  });
  await expect(pull({ id: "Other/model" })).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test.each(["../x", "a/../../b", "a/b/c", "", "/etc", "a/..", "a b"])(
  "%j is no id of a model",
  (text) => {
    expect(isHubId(text)).toBe(false);
  },
);

test("the commands: pull, what to write into the settings, list, and what is wrong", async () => {
  const empty = await troupe("list");
  const pulled = await troupe("pull", id);
  const listed = await troupe("list", "--verify");
  appendFileSync(join(models, id, "config.json"), " ");
  rmSync(join(models, id, "tokenizer.json"));
  const broken = await troupe("list");
  const wrong = await troupe("pull", id, "--dtype", "q9");

  expect(empty).toMatchObject({ code: 0, out: expect.stringContaining("There are no models") });
  expect(pulled.code).toBe(0);
  expect(pulled.out).toContain(`- { name: small-model, model: ${id} }`);
  expect(listed).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Some\/small-model {2}q8 {2}/),
  });
  expect(broken.code).toBe(1);
  expect(broken.out).toContain(`missing: ${join(models, id, "tokenizer.json")}`);
  expect(broken.out).toMatch(/config\.json has \d+ bytes of \d+/);
  expect(wrong).toMatchObject({ code: 1, out: expect.stringContaining("--dtype is one of fp32") });
});

test("a command that is killed in the middle leaves nothing that counts, and the next goes on from there", async () => {
  hub.fault(weights, { hangAfter: 30_000 });
  const killed = troupeProcess("pull", id);
  await expect.poll(() => partsOf().map(({ size }) => size), { timeout: 20_000 }).toEqual([30_000]);
  killed.kill("SIGKILL");
  await once(killed, "exit");

  const listed = await troupe("list");
  const [found] = await listModels(models, { verify: false });
  const again = await troupe("pull", id);

  expect([listed.code, found?.dtypes]).toEqual([1, []]);
  expect(listed.out).toContain(`missing: ${join(models, id, weights)}`);
  expect(again.code).toBe(0);
  expect(asked("/store/").at(-1)?.range).toBe("bytes=30000-");
  expect(placed(weights)).toEqual(weightsBytes);
  expect(partsOf()).toEqual([]);
  expect((await troupe("list", "--verify")).code).toBe(0);
});

test("a file without an end, or longer than it is said to be, is not written on and on", async () => {
  hub.fault(weights, { extra: 5_000_000, times: 10 });

  await expect(pull()).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringContaining(`more than the ${weightsBytes.length} bytes`),
  });
  expect(existsSync(join(models, id, weights))).toBe(false);
  expect(partsOf()).toEqual([]);
});

test.each([
  [
    "a page to sign in to a network",
    () => "<html>Please sign in</html>",
    "did not answer as a hub",
  ],
  ["nothing", () => "null", "did not answer as a hub"],
  [
    "files without sizes",
    (listing: HubListing) => ({
      ...listing,
      siblings: listing.siblings.map(({ rfilename }) => ({ rfilename })),
    }),
    "gives no size of config.json",
  ],
  [
    "a file of more than the limit",
    (listing: HubListing) => ({
      ...listing,
      siblings: listing.siblings.map((file) => ({ ...file, size: 2 ** 40, lfs: undefined })),
    }),
    "at most 16 GiB",
  ],
])("a hub that lists %s is refused in words", async (_, change, words) => {
  hub.setListing(change);

  await expect(pull()).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringContaining(words),
  });
  expect(await listModels(models, { verify: false })).toEqual([]);
});

test("without a hub the command says so, and the list says which files go where", async () => {
  await hub.close();
  const pulled = await troupe("pull", id);
  await writeFile(join(models, "troupe.yaml"), `embedders:\n  - { name: mine, model: ${id} }\n`);
  const listed = await troupe("list");

  expect(pulled.code).toBe(1);
  expect(pulled.out).toMatch(/^troupe models: .*localhost/);
  expect(listed.code).toBe(1);
  for (const path of ["config.json", "tokenizer.json", "tokenizer_config.json", weights]) {
    expect(listed.out).toContain(`missing: ${join(models, id, path)}`);
  }
  expect(listed.out).toContain(`troupe models pull ${id} --dtype q8`);
});

/** Files that are not whole yet. */
function partsOf(): readonly { path: string; size: number }[] {
  return readdirSync(models, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".part"))
    .map((path) => ({ path, size: statSync(join(models, path)).size }));
}

const program = fileURLToPath(new URL("../../../../adapters/cli/troupe.js", import.meta.url));

function optionsOfTroupe(): { cwd: string; env: NodeJS.ProcessEnv } {
  // The store's name is not the hub's: a model's files may only come from public hosts and the hub.
  const env = { ...process.env, HF_ENDPOINT: hub.url.replace("127.0.0.1", "localhost") };
  const mine = { TROUPE_MODELS: models, TROUPE_DATA: join(models, "data"), HF_TOKEN: "" };
  return { env: { ...env, ...mine }, cwd: models };
}

function troupeProcess(...args: string[]): ChildProcess {
  return spawn(process.execPath, [program, "models", ...args], {
    ...{ ...optionsOfTroupe(), stdio: "ignore" },
  });
}

function troupe(...args: string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const given = [program, "models", ...args];
    execFile(process.execPath, given, optionsOfTroupe(), (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out: out + err });
    });
  });
}
