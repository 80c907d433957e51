// Fetches a model's files from a hub (its protocol: `/api/models/ID/revision/REV` lists them with
// sizes and hashes, `/ID/resolve/COMMIT/FILE` gives one, mostly by a redirect). A file is written
// beside its place, checked, and moved there whole; what was cut is gone on with from where it was.

import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Egress, EgressResponse } from "../egress.ts";
import { providerError } from "../provider-error.ts";
import { retryDelay } from "../provider-retry.ts";
import type { Dtype } from "./kinds.ts";
import { optionalFiles, requiredFiles, weightsPart } from "./model-folder.ts";
import { type ModelFile, readManifest, writeManifest } from "./model-manifest.ts";

/** What is fetched and where to. */
export interface PullOptions {
  /** Address of the hub, e.g. https://huggingface.co. */
  readonly hub: string;
  readonly token: string | null;
  /** e.g. Xenova/all-MiniLM-L6-v2. */
  readonly id: string;
  readonly revision: string;
  readonly dtype: Dtype;
  /** The model's own folder. */
  readonly folder: string;
  readonly egress: Egress;
  /** Called as bytes come: of one file, so many of so many. */
  onProgress?(path: string, bytes: number, size: number): void;
}

/** What a pull did. */
export interface Pulled {
  /** The commit that was fetched. */
  readonly commit: string;
  readonly fetched: readonly string[];
  /** Files that were there and right. */
  readonly kept: readonly string[];
}

/** Limits of a pull. */
export const pullLimits = {
  listBytes: 16 * 1_024 * 1_024,
  listMs: 60_000,
  /** One file: 16 GiB, and nothing for a minute ends an attempt. */
  fileBytes: 16 * 1_024 * 1_024 * 1_024,
  idleMs: 60_000,
  fileMs: 12 * 3_600_000,
  redirectsMax: 5,
  attemptsMax: 6,
} as const;

const ID = /^[\w.-]{1,96}(\/[\w.-]{1,96})?$/;

/** Whether a text can be the id of a model on a hub. */
export function isHubId(id: string): boolean {
  return ID.test(id) && !id.split("/").some((part) => /^\.+$/.test(part));
}

/**
 * Fetches what an embedder needs of a model.
 * @throws RuntimeError INVALID (the id), NOT_FOUND (the model, or its dtype), and as providers' calls
 * do; PROVIDER_FAILED when a file is not what the hub says it is.
 */
export async function pullModel(options: PullOptions): Promise<Pulled> {
  const { id, folder } = options;
  if (!isHubId(id))
    throw new RuntimeError("INVALID", `"${id}" is no id of a model, like org/name.`);
  const { commit, files } = await listFiles(options);
  const before = await readManifest(folder);
  const fetched: string[] = [];
  const kept: string[] = [];
  for (const file of files) {
    if (await isThere(folder, file)) kept.push(file.path);
    else {
      await fetchFile(options, commit, file);
      fetched.push(file.path);
    }
  }
  const paths = new Set(files.map(({ path }) => path));
  const others = (before?.files ?? []).filter(({ path }) => !paths.has(path));
  await writeManifest(folder, { id, commit, files: [...others, ...files] });
  return { commit, fetched, kept };
}

interface Listing {
  readonly commit: string;
  readonly files: readonly ModelFile[];
}

/** The files an embedder needs, of those the hub has. */
async function listFiles(options: PullOptions): Promise<Listing> {
  const { hub, id, revision, dtype } = options;
  const address = `${base(hub)}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const answer = listingOf(await withAttempts(() => textOf(options, address)), hub);
  const commit = typeof answer.sha === "string" && /^[\w.-]+$/.test(answer.sha) ? answer.sha : "";
  const there = new Map((answer.siblings ?? []).map((file) => [file.rfilename, file]));
  const missing = requiredFiles(dtype).filter((path) => !there.has(path));
  if (commit === "" || missing.length > 0) {
    const weights = [...there.keys()].filter((path) => /^onnx\/model\w*\.onnx$/.test(path));
    const has = weights.length > 0 ? `It has ${weights.join(", ")}.` : "It has no ONNX files.";
    const text = `The model ${id} has no ${missing.join(", ")} at ${revision}. ${has}`;
    throw new RuntimeError("NOT_FOUND", text, { model: id, missing });
  }
  const wanted = [
    ...[...requiredFiles(dtype), ...optionalFiles].filter((path) => there.has(path)),
    ...[...there.keys()].filter(weightsPart(dtype)),
  ];
  return { commit, files: wanted.map((path) => fileOf(path, there.get(path))) };
}

interface HubListing {
  readonly sha?: unknown;
  readonly siblings?: readonly HubFile[];
}

/** A page that asks to sign in to a network is an answer too. */
function listingOf(text: string, hub: string): HubListing {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below.
  }
  const what = `${hub} did not answer as a hub does, but with other content`;
  throw new RuntimeError("PROVIDER_FAILED", `${what}. Is the address right, and the network open?`);
}

interface HubFile {
  readonly rfilename: string;
  readonly size?: number;
  readonly blobId?: string;
  readonly lfs?: { readonly sha256?: string; readonly size?: number };
}

/** Large files have a SHA-256; small ones the hash that git gives a blob. */
function fileOf(path: string, file: HubFile | undefined): ModelFile {
  const sha256 = file?.lfs?.sha256;
  const size = file?.lfs?.size ?? file?.size;
  if (typeof size !== "number" || !(size >= 0) || size > pullLimits.fileBytes) {
    const most = `${pullLimits.fileBytes / 2 ** 30} GiB`;
    const text = `The hub gives no size of ${path} that can be fetched (at most ${most}).`;
    throw new RuntimeError("PROVIDER_FAILED", text, { file: path });
  }
  if (sha256 !== undefined) return { path, size, hash: `sha256:${sha256}` };
  return { path, size, hash: file?.blobId === undefined ? null : `git:${file.blobId}` };
}

async function isThere(folder: string, file: ModelFile): Promise<boolean> {
  const path = join(folder, file.path);
  const found = await stat(path).catch(() => null);
  if (found === null || found.size !== file.size) return false;
  return file.hash === null || (await hashOfFile(path, file)) === file.hash;
}

/** A file's hash, of the kind the hub gave. */
export async function hashOfFile(path: string, { hash, size }: ModelFile): Promise<string> {
  const isGit = hash?.startsWith("git:") === true;
  const made = createHash(isGit ? "sha1" : "sha256");
  if (isGit) made.update(`blob ${size}\0`);
  for await (const piece of createReadStream(path)) made.update(piece as Buffer);
  return `${isGit ? "git" : "sha256"}:${made.digest("hex")}`;
}

async function fetchFile(options: PullOptions, commit: string, file: ModelFile): Promise<void> {
  const target = join(options.folder, file.path);
  // By its hash: what was begun of another version is not gone on with.
  const tag = (file.hash ?? `${commit}`).replace(/^\w+:/, "").slice(0, 12);
  const part = `${target}.${tag}.part`;
  await mkdir(dirname(target), { recursive: true });
  await withAttempts(async () => {
    await appendTo(part, options, commit, file).catch(async (error: unknown) => {
      // What does not end where it should is no beginning of the file.
      const isWrong = error instanceof RuntimeError && error.code === "PROVIDER_FAILED";
      if (isWrong) await rm(part, { force: true });
      throw error;
    });
    if (await settle(part, target, file).catch(isThereFor(options, file))) return;
    await rm(part, { force: true });
    const text = `${file.path} of ${options.id} came with other bytes than the hub says it has.`;
    throw new RuntimeError("PROVIDER_FAILED", text, { file: file.path });
  });
}

/** Moves a part that is whole and right to its place. */
async function settle(part: string, target: string, file: ModelFile): Promise<boolean> {
  const { size } = await stat(part);
  if (size !== file.size) return false;
  if (file.hash !== null && (await hashOfFile(part, file)) !== file.hash) return false;
  await rename(part, target);
  return true;
}

/** Another pull of the same model that was at the same part may have moved it first. */
function isThereFor({ folder }: PullOptions, file: ModelFile): (error: unknown) => Promise<true> {
  return async (error) => {
    if (await isThere(folder, file)) return true;
    throw error;
  };
}

/**
 * Asks for what is not there yet, and adds it. Pulls at the same time write the same bytes at the same
 * places, so that neither needs to know of the other.
 */
async function appendTo(
  part: string,
  options: PullOptions,
  commit: string,
  file: ModelFile,
): Promise<void> {
  const { size: there } = (await stat(part).catch(() => null)) ?? { size: 0 };
  if (there > 0 && there === file.size) return;
  const begun = there > file.size ? 0 : there;
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  const address = `${base(options.hub)}/${options.id}/resolve/${commit}/${path}`;
  const range = begun > 0 ? { range: `bytes=${begun}-` } : {};
  const response = await followed(options, address, range, {
    idleMs: pullLimits.idleMs,
    totalMs: pullLimits.fileMs,
    bytesMax: pullLimits.fileBytes,
  });
  const from = isContinued(response, begun) ? begun : 0;
  if (from < there) await rm(part, { force: true });
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT);
  try {
    await write(handle, response, from, (now) => {
      if (now > file.size) throw tooLong(options, file);
      options.onProgress?.(file.path, now, file.size);
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function tooLong({ id }: PullOptions, { path, size }: ModelFile): RuntimeError {
  const text = `${path} of ${id} came with more than the ${size} bytes that the hub says it has.`;
  return new RuntimeError("PROVIDER_FAILED", text, { file: path });
}

function isContinued({ status, headers }: EgressResponse, from: number): boolean {
  return status === 206 && String(headers["content-range"]).startsWith(`bytes ${from}-`);
}

/** What came before a cut is kept. */
async function write(
  handle: FileHandle,
  response: EgressResponse,
  from: number,
  onProgress: (bytes: number) => void,
): Promise<void> {
  let bytes = from;
  // Written in order, one after the other, so that a part has no holes.
  let written: Promise<unknown> = Promise.resolve();
  try {
    await response.read((piece) => {
      const at = bytes;
      bytes += piece.length;
      onProgress(bytes);
      written = written.then(() => writeAt(handle, piece, at));
      // A failed write ends the pull where it is awaited.
      written.catch(() => {});
    });
  } finally {
    await written;
  }
}

async function writeAt(handle: FileHandle, piece: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    const { bytesWritten } = await handle.write(piece, done, piece.length - done, at + done);
    done += bytesWritten;
  }
}

async function textOf(options: PullOptions, address: string): Promise<string> {
  const { listMs, listBytes } = pullLimits;
  const response = await followed(options, address, {}, { totalMs: listMs, bytesMax: listBytes });
  return await response.text();
}

/** Follows redirects, each checked as a request of its own; the key goes to the hub alone. */
async function followed(
  { hub, token, egress, id }: PullOptions,
  address: string,
  headers: Readonly<Record<string, string>>,
  limits: { idleMs?: number; totalMs: number; bytesMax: number },
): Promise<EgressResponse> {
  const { origin } = new URL(hub);
  let url = address;
  for (let hop = 0; hop <= pullLimits.redirectsMax; hop += 1) {
    const isHub = new URL(url).origin === origin;
    const authorization =
      isHub && token !== null ? { authorization: `Bearer ${token}` } : undefined;
    const response = await egress.request({
      url,
      method: "GET",
      headers: { ...headers, ...authorization },
      redirects: "show",
      limits,
    });
    const { location } = response.headers;
    if (response.status >= 300 && response.status < 400 && typeof location === "string") {
      response.discard();
      url = new URL(location, url).href;
      continue;
    }
    if (response.status === 200 || response.status === 206) return response;
    throw await refusal(response, id, token);
  }
  throw new RuntimeError("PROVIDER_FAILED", `The hub redirects too often for ${id}.`);
}

async function refusal(
  response: EgressResponse,
  id: string,
  token: string | null,
): Promise<RuntimeError> {
  const { status, headers } = response;
  if (status === 401 || status === 403 || status === 404) {
    response.discard();
    const why =
      token === null ? "if it is not public, set HF_TOKEN" : "or HF_TOKEN may not read it";
    return new RuntimeError("NOT_FOUND", `The hub has no model ${id} (${status}); ${why}.`);
  }
  return providerError({
    provider: "the hub",
    status,
    body: (await response.text()).slice(0, 8_192),
    header: (name) => {
      const value = headers[name];
      return typeof value === "string" ? value : undefined;
    },
    secret: token ?? "",
  });
}

/** A wrong file is asked for once more: a proxy may have kept an old one. */
async function withAttempts<T>(work: () => Promise<T>): Promise<T> {
  const { attemptsMax } = pullLimits;
  let wrong = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const code = error instanceof RuntimeError ? error.code : undefined;
      if (code === "PROVIDER_FAILED") wrong += 1;
      const isLate = code === "DEADLINE" && attempt < attemptsMax;
      const again = isLate || (code === "PROVIDER_FAILED" && wrong === 1);
      const waitMs = again ? 0 : retryDelay(error, attempt, { attemptsMax, random: Math.random });
      if (waitMs === undefined) throw error;
      await pause(waitMs);
    }
  }
}

function base(hub: string): string {
  return hub.replace(/\/+$/, "");
}
