// A new master key while everything goes on: it is stored first, then it counts on every thread, then what
// was wrapped before is wrapped anew, and when nothing is left the old key is dropped. Cut at any moment,
// the next start finds more than one key and goes on.

import { randomBytes } from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { KeyOrigin, KeySource } from "./key-source.ts";
import { KEY_BYTES, MASTER_KEYS_MAX, masterKeyId, replaceMasterKeys } from "./master-keys.ts";
import type { RewrapProgress } from "./rewrap.ts";

/** How things are with the master keys. */
export interface RotationState {
  readonly origin: KeyOrigin;
  /** Ids of the keys, the current one first; those behind it are not needed when `state` is `done`. */
  readonly keys: readonly string[];
  readonly state: "running" | "done" | "failed";
  readonly progress: RewrapProgress;
  /** Why it failed. */
  readonly error: string | null;
}

/** Rotates master keys. */
export interface Rotation {
  state(): RotationState;
  /**
   * Makes a new key current, or, where keys are the operator's, the one that the source names first
   * now, and begins to wrap anew. @throws CONFLICT while one is under way, where the source has no new key
   * or is read at the start alone, CONFIG_INVALID.
   */
  rotate(): Promise<RotationState>;
  /** Goes on with what a start finds: a pass, in the background, where none is under way. */
  begin(): void;
  stop(): void;
}

/** What it needs. */
export interface RotationOptions {
  readonly source: KeySource;
  readonly memory: SharedArrayBuffer;
  /** As they were read at the start, the current one first. */
  readonly keys: readonly Buffer[];
  /** Wraps everything anew. */
  pass(
    onProgress: (progress: RewrapProgress) => void,
    signal: AbortSignal,
  ): Promise<RewrapProgress>;
  /** Told of the key under which everything is then, and what that took. */
  done(key: string, progress: RewrapProgress): Promise<void>;
  readonly log: Log;
}

const none: RewrapProgress = { rows: 0, changed: 0, unreadable: 0 };

/** The rotation of one process. */
export function createRotation({
  source,
  memory,
  pass,
  done,
  log,
  ...given
}: RotationOptions): Rotation {
  let { keys } = given;
  let now: Pick<RotationState, "state" | "progress" | "error"> = {
    state: "done",
    progress: none,
    error: null,
  };
  let isTaking = false;
  const over = new AbortController();
  const state = (): RotationState => ({
    ...{ origin: source.origin, keys: keys.map(masterKeyId) },
    ...now,
  });
  const begin = (): void => {
    now = { state: "running", progress: none, error: null };
    const told = (progress: RewrapProgress): void => {
      now = { ...now, progress };
    };
    pass(told, over.signal)
      .then(async (progress) => {
        // What cannot be read now may be readable by an old key that is put back: nothing is dropped.
        const [current] = keys;
        if (current !== undefined) await done(masterKeyId(current), progress);
        const isWhole = progress.unreadable === 0 && keys.length > 1;
        if (source.write !== undefined && isWhole && current !== undefined) {
          await source.write([current]);
          keys = [current];
          replaceMasterKeys(memory, keys);
        }
        now = { state: "done", progress, error: null };
      })
      .catch((error: unknown) => {
        if (over.signal.aborted) return;
        const text = error instanceof Error ? error.message : String(error);
        now = { ...now, state: "failed", error: text };
        log.write("error", "Secrets could not all be wrapped anew.", { err: error });
      });
  };
  const next = async (): Promise<readonly Buffer[]> => {
    if (source.write !== undefined) {
      if (keys.length >= MASTER_KEYS_MAX) throw conflict(`There are ${keys.length} keys already.`);
      const made = [randomBytes(KEY_BYTES), ...keys];
      await source.write(made);
      return made;
    }
    const read = source.origin === "environment" ? keys : ((await source.read()) ?? []);
    const [first] = read;
    const [current] = keys;
    if (first === undefined || current === undefined || first.equals(current)) {
      const how =
        source.origin === "environment"
          ? 'Start the server again with TROUPE_MASTER_KEY="NEW,OLD"; it wraps everything anew by itself.'
          : "Put the new key into its first line and keep the old one below it, then call this again.";
      throw conflict(`The master key is the operator's own. ${how}`);
    }
    if (read.some((one) => one.equals(current))) return read;
    throw conflict(
      "The current key must be kept behind the new one until everything is wrapped anew.",
    );
  };
  return {
    state,
    begin: () => {
      if (now.state !== "running") begin();
    },
    rotate: async () => {
      if (isTaking || now.state === "running") throw conflict("A rotation is under way.");
      isTaking = true;
      try {
        keys = await next();
      } finally {
        isTaking = false;
      }
      replaceMasterKeys(memory, keys);
      begin();
      return state();
    },
    stop: () => over.abort(new RuntimeError("SHUTTING_DOWN", "The server stops.")),
  };
}

function conflict(text: string): RuntimeError {
  return new RuntimeError("CONFLICT", text);
}
