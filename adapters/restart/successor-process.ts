// The side of the process that goes: it starts the one that comes, with the same program, arguments and
// settings, and speaks with it. What its callers watch it reads from there.

import { type ChildProcess, spawn } from "node:child_process";
import type { Successor, WatchedRun } from "../../runtime/door/successor.ts";
import { fromErrorData, RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { settleable } from "../../runtime/shared/settleable.ts";
import { isMessage, type ToPredecessor, type ToSuccessor } from "./messages.ts";

/** How long a process has to listen, ms: it has to load its program and its settings. */
const LISTENING_MS = 30_000;

/** How it is started. */
export interface SuccessorOptions {
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  /** Default: those of this process. */
  readonly command?: readonly string[];
  /** Told of its end before anybody who waits for it, with how it ended. */
  onGone(why: string): void;
}

/** What waits for an answer from there. */
interface Asked {
  frames(frames: readonly Frame[]): void;
  end(error?: Error): void;
}

/** A process that was started to take over. */
export class SuccessorProcess implements Successor {
  readonly #child: ChildProcess;
  readonly #listening = settleable<string>();
  readonly #ready = settleable<void>();
  readonly #asked = new Map<number, Asked>();
  #lastId = 0;
  readonly #onGone: (why: string) => void;
  #isGone = false;
  #isReady = false;

  constructor({ port, env, command, onGone }: SuccessorOptions) {
    this.#onGone = onGone;
    const [program = "", ...given] = command ?? [
      process.execPath,
      ...process.execArgv,
      ...process.argv.slice(1),
    ];
    // Of the same process group: what a terminal or a supervisor sends to all of it reaches both.
    this.#child = spawn(program, given, {
      env,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
    for (const { promise } of [this.#listening, this.#ready]) promise.catch(() => undefined);
    this.#child.on("message", (message: unknown) => {
      if (isMessage(message)) this.#take(message as ToPredecessor);
    });
    this.#child.once("error", (error) => this.#leave(error.message));
    this.#child.once("exit", (code, signal) => {
      this.#leave(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`);
    });
    this.#send({ type: "begin", port });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The socket it takes relayed requests at. @throws CANCELLED when it cannot, with the reason. */
  async listening(): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.#child.kill("SIGKILL");
        reject(cut(`it did not listen within ${LISTENING_MS} ms`));
      }, LISTENING_MS);
    });
    try {
      return await Promise.race([this.#listening.promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when it answers what it held. @throws CANCELLED when it ends before. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Tells it that the data folder is free. */
  giveUp(): void {
    this.#send({ type: "given-up" });
  }

  /** Has it stop as a server stops. */
  terminate(): void {
    this.#child.kill("SIGTERM");
  }

  async *follow(watched: WatchedRun, signal: AbortSignal): AsyncGenerator<readonly Frame[]> {
    let batches: (readonly Frame[])[] = [];
    let isOver = false;
    let failure: Error | undefined;
    let news = settleable<void>();
    const id = this.#ask(
      {
        frames: (frames) => {
          batches.push(frames);
          news.resolve();
        },
        end: (error) => {
          [isOver, failure] = [true, error];
          news.resolve();
        },
      },
      (asked) => ({ type: "follow", id: asked, watched }),
    );
    const wake = (): void => news.resolve();
    signal.addEventListener("abort", wake);
    try {
      for (;;) {
        await news.promise;
        news = settleable<void>();
        const given = batches;
        batches = [];
        for (const frames of given) yield frames;
        if (signal.aborted) return;
        if (isOver && failure !== undefined) throw failure;
        if (isOver && batches.length === 0) return;
      }
    } finally {
      signal.removeEventListener("abort", wake);
      if (this.#asked.delete(id)) this.#send({ type: "drop", id });
    }
  }

  cancel(tenant: string, run: string, reason: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ask(
        {
          frames: () => undefined,
          end: (error) => (error === undefined ? resolve() : reject(error)),
        },
        (id) => ({ type: "cancel", id, tenant, run, reason }),
      );
    });
  }

  #ask(asked: Asked, message: (id: number) => ToSuccessor): number {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#asked.set(id, asked);
    if (this.#isGone) this.#settle(id, cut("it has ended"));
    else this.#send(message(id));
    return id;
  }

  #take(message: ToPredecessor): void {
    if (message.type === "listening") this.#listening.resolve(message.relay);
    else if (message.type === "ready") {
      this.#isReady = true;
      this.#ready.resolve();
    } else if (message.type === "frames") this.#asked.get(message.id)?.frames(message.frames);
    else if (message.type === "done") this.#settle(message.id);
    else if (message.type === "failed") this.#settle(message.id, fromErrorData(message.error));
  }

  #settle(id: number, error?: Error): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    asked?.end(error);
  }

  #send(message: ToSuccessor): void {
    // What cannot be sent goes with the process, of whose end everybody is told.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #leave(why: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#onGone(why);
    this.#listening.reject(cut(why));
    this.#ready.reject(cut(why));
    for (const id of [...this.#asked.keys()]) this.#settle(id, cut(why));
  }
}

function cut(why: string): RuntimeError {
  return new RuntimeError("CANCELLED", `The new process does not take over: ${why}.`);
}
