// A server that is a child process: one message a line over its standard streams. It is given PATH and the variables
// that the operator names, and nothing else of this process; the library's own transport hands on HOME and others.
// It has a process group of its own, so that what it has started ends with it.

import { type ChildProcess, spawn } from "node:child_process";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { RuntimeError } from "../../runtime/errors.ts";

/** How a process is started. */
export interface ProcessCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Working folder; null: that of the server. */
  readonly folder: string | null;
}

/** What reads and writes messages of the library. */
type Framing = Pick<
  typeof import("@modelcontextprotocol/client"),
  "ReadBuffer" | "serializeMessage"
>;

/** A message that is longer ends the process. Bytes. */
const MESSAGE_BYTES_MAX = 4 * 1_024 * 1_024;
/** Lines that are no messages; one more ends it. */
const ODD_LINES_MAX = 1_000;
/** It may end by itself when its input does, then it is asked to, then it is ended. */
const ENDING = [
  ["SIGTERM", 1_000],
  ["SIGKILL", 2_000],
] as const;

/** Process groups that are there: none is left behind by a server that ends. */
const alive = new Set<number>();
process.on("exit", () => {
  for (const pid of alive) killGroup(pid, "SIGKILL");
});

/** One life of it. `stderr` and `pid` tell the library that it is no HTTP. */
export class ProcessTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly stderr = null;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly #framing: Framing;
  readonly #command: ProcessCommand;
  readonly #onStderr: (piece: string) => void;
  readonly #buffer: InstanceType<Framing["ReadBuffer"]>;
  #child: ChildProcess | undefined;
  #oddLines = 0;
  #isEnded = false;
  #end: () => void = () => {};

  constructor(framing: Framing, command: ProcessCommand, onStderr: (piece: string) => void) {
    this.#framing = framing;
    this.#command = command;
    this.#onStderr = onStderr;
    this.#buffer = new framing.ReadBuffer({ maxBufferSize: MESSAGE_BYTES_MAX });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  async start(): Promise<void> {
    const { name, command, args, env, folder } = this.#command;
    const child = spawn(command, args, {
      env,
      ...(folder !== null && { cwd: folder }),
      stdio: ["pipe", "pipe", "pipe"],
      shell: false,
      detached: true,
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error: NodeJS.ErrnoException) => {
        this.#over();
        const message = `The tool server ${name} could not be started (${error.code ?? error.message}).`;
        reject(new RuntimeError("PROVIDER_UNAVAILABLE", message, { server: name }));
      });
    });
    if (child.pid !== undefined) alive.add(child.pid);
    child.on("error", (error) => this.onerror?.(error));
    child.once("exit", () => this.#over());
    child.stdin?.on("error", (error) => this.onerror?.(error));
    child.stdout?.on("data", (piece: Buffer) => this.#take(piece));
    child.stderr?.setEncoding("utf8").on("data", this.#onStderr);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (this.#isEnded || !stdin?.writable) {
      const { name } = this.#command;
      throw new RuntimeError("PROVIDER_UNAVAILABLE", `The tool server ${name} has ended.`);
    }
    if (stdin.write(this.#framing.serializeMessage(message))) return;
    await Promise.race([new Promise<void>((resolve) => stdin.once("drain", resolve)), this.ended]);
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || this.#isEnded) return this.#over();
    child.stdin?.end();
    for (const [signal, afterMs] of ENDING) {
      if (await this.#endsWithin(afterMs)) return;
      killGroup(child.pid, signal);
    }
    await this.ended;
  }

  #take(piece: Buffer): void {
    try {
      this.#buffer.append(piece);
    } catch (error) {
      this.#broken(error);
      return;
    }
    while (!this.#isEnded) {
      try {
        const message = this.#buffer.readMessage();
        if (message === null) return;
        this.onmessage?.(message);
      } catch (error) {
        this.#oddLines += 1;
        this.onerror?.(error as Error);
        if (this.#oddLines > ODD_LINES_MAX) this.#broken(error);
      }
    }
  }

  /** It does not keep to the protocol: nothing more of it is read. */
  #broken(error: unknown): void {
    this.onerror?.(error as Error);
    const pid = this.#child?.pid;
    if (pid !== undefined) killGroup(pid, "SIGKILL");
  }

  #over(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const child = this.#child;
    if (child?.pid !== undefined) {
      alive.delete(child.pid);
      // Those that it has started and left.
      killGroup(child.pid, "SIGKILL");
    }
    // Whoever still holds the other ends of these is none of ours.
    for (const stream of [child?.stdin, child?.stdout, child?.stderr]) stream?.destroy();
    this.#buffer.clear();
    this.#end();
    this.onclose?.();
  }

  async #endsWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    });
    const isEnded = await Promise.race([this.ended.then(() => true), late]);
    clearTimeout(timer);
    return isEnded;
  }
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nothing of it is left.
  }
}
