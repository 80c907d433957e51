// One kernel in this thread over a real LMDB folder, with a door small enough to see through: what
// tests of the engine itself need, without worker threads.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Definition } from "../../runtime/actor.ts";
import { type Address, SHARDS } from "../../runtime/address.ts";
import { realClock } from "../../runtime/clock.ts";
import { type ErrorData, fromErrorData } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { systemRandom } from "../../runtime/id.ts";
import { createKernel } from "../../runtime/kernel/kernel.ts";
import type { Kernel, KernelLimits } from "../../runtime/kernel/kernel-port.ts";
import type { MessageKey, RunControl, Want, WorkerItem } from "../../runtime/message.ts";
import { openFolder } from "../../runtime/store/folder.ts";
import { openStore } from "../../runtime/store/lmdb.ts";
import { startStorage } from "../../runtime/store/storage.ts";
import type { Store } from "../../runtime/store/store.ts";

/** A kernel, its store, and ways to speak to it. */
export interface OneKernel {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly path: string;
  ask(to: Address, message: unknown, key?: MessageKey): Promise<unknown>;
  /** Frames of a request, until its end. `onFrame` sees each as it comes. */
  stream(to: Address, message: unknown, onFrame?: (frame: Frame) => void): Promise<Frame[]>;
  follow(at: { tenant: string; root: string; run: string; after?: string }): Promise<Frame[]>;
  control(at: { tenant: string; root: string; run: string }, control: RunControl): Promise<unknown>;
  /** Stops without draining, as a crash would, and keeps the folder. */
  crash(): Promise<void>;
  /** Drains, closes and removes the folder. */
  stop(): Promise<void>;
}

interface Waiter {
  readonly frames: Frame[];
  readonly onFrame?: (frame: Frame) => void;
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly wantsFrames: boolean;
}

/** Starts a kernel that owns every shard of a folder (a new temporary one by default). */
export async function startOneKernel(options: {
  readonly definitions: readonly Definition[];
  readonly ports?: unknown;
  readonly path?: string;
  readonly limits?: Partial<KernelLimits>;
  /** Stands between the kernel and its store. */
  readonly wrapStore?: (store: Store, path: string) => Store;
}): Promise<OneKernel> {
  const path = options.path ?? mkdtempSync(join(tmpdir(), "troupe-kernel-"));
  const folder = openFolder(path);
  const storage = await startStorage({
    path,
    environments: ["hot"],
    onDeath: (_, error) => {
      throw error;
    },
  });
  const opened = openStore({ path, environment: "hot", port: storage.connect("hot") });
  const store = options.wrapStore?.(opened, path) ?? opened;
  const waiters = new Map<number, Waiter>();
  let last = 0;
  // A crashed kernel does nothing more, as a killed thread would.
  let isDead = false;
  const alive = (call: () => void) => (): void => (isDead ? undefined : call());
  const kernel = createKernel({
    worker: 0,
    definitions: options.definitions,
    ports: options.ports ?? {},
    store,
    clock: { ...realClock, after: (ms, call) => realClock.after(ms, alive(call)) },
    random: systemRandom,
    durability: "flushed",
    defer: (call) => void setImmediate(alive(call)),
    toDoor: (item) => answer(waiters, item),
    toPeer: () => undefined,
    ...(options.limits ? { limits: options.limits } : {}),
  });
  const epochs = new Map(
    Array.from({ length: SHARDS }, (_, shard) => [shard, (storage.epochs.get(shard) ?? 0) + 1]),
  );
  await storage.setEpochs(epochs);
  await kernel.own(epochs);
  const waitFor = <T>(
    wantsFrames: boolean,
    send: (id: number) => void,
    onFrame?: (frame: Frame) => void,
  ) =>
    new Promise<T>((resolve, reject) => {
      last += 1;
      waiters.set(last, {
        frames: [],
        resolve,
        reject,
        wantsFrames,
        ...(onFrame ? { onFrame } : {}),
      });
      send(last);
    });
  const request = (id: number, to: Address, message: unknown, want: Want, key?: MessageKey): void =>
    kernel.fromDoor([
      {
        type: "request",
        id,
        to,
        message,
        deadlineMs: Date.now() + 30_000,
        want,
        level: "flushed",
        ...(key ? { key } : {}),
      },
    ]);
  const close = async (): Promise<void> => {
    isDead = true;
    await store.close();
    await storage.close();
    folder.release();
  };
  return {
    kernel,
    store,
    path,
    ask: (to, message, key) => waitFor(false, (id) => request(id, to, message, "reply", key)),
    stream: (to, message, onFrame) =>
      waitFor(true, (id) => request(id, to, message, "frames"), onFrame),
    follow: (at) =>
      waitFor(true, (id) => kernel.fromDoor([{ type: "follow", id, ...at, endOnly: false }])),
    control: (at, control) =>
      waitFor(false, (id) => kernel.fromDoor([{ type: "control", id, ...at, control }])),
    crash: close,
    async stop() {
      await kernel.drain(1_000);
      await close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function answer(waiters: Map<number, Waiter>, item: WorkerItem): void {
  const waiter = waiters.get(item.id);
  if (!waiter) return;
  const fail = (error: ErrorData): void => {
    waiters.delete(item.id);
    waiter.reject(fromErrorData(error));
  };
  if (item.type === "error") {
    fail(item.error);
    return;
  }
  if (item.type === "reply" || item.type === "elsewhere") {
    waiters.delete(item.id);
    const value = item.type === "reply" ? item.value : item;
    waiter.resolve(value as never);
    return;
  }
  if (item.type === "moved") return;
  for (const frame of item.frames) {
    waiter.frames.push(frame);
    waiter.onFrame?.(frame);
    if (frame.type === "refused") fail(frame.error);
    const isOver = frame.type === "end" || (frame.type === "accepted" && frame.run === null);
    if (!isOver) continue;
    waiters.delete(item.id);
    waiter.resolve(waiter.frames as never);
  }
}
