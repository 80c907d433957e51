// The callers of a simulation: each asks until it is answered, under one key, whatever breaks
// meanwhile, and writes down what it was told.

import type { Address } from "../../../runtime/address.ts";
import { addressParts } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Frame } from "../../../runtime/frame.ts";
import type { RunControl } from "../../../runtime/message.ts";
import type { TestSystem } from "../../../runtime/testkit/test-system.ts";
import { FrameReader } from "./frame-reader.ts";
import { DECISION, type Job, type Request } from "./script.ts";

/** What a caller was told. */
export interface Told {
  /** Answers to messages by id. */
  readonly replies: Map<string, unknown>;
  /** Errors that are answers, by id. */
  readonly refusals: Map<string, string>;
  /** Messages without a key that were acknowledged, and those that may have been taken. */
  readonly stored: Set<string>;
  readonly maybe: Set<string>;
  /** Frames of root jobs by name. */
  readonly ends: Map<string, Frame & { readonly type: "end" }>;
  readonly runs: Map<string, string>;
  /** Jobs whose cancel was acknowledged; steers that were, by job. */
  readonly cancelled: Set<string>;
  readonly steered: Map<string, { readonly value: string; readonly passedMs: number }[]>;
  /** What should not have been said. */
  readonly wrong: string[];
  /** What viewers should not have seen, unless the power failed: what they see is not flushed yet. */
  readonly shown: string[];
}

/** Errors after which the same request is made again. */
const AGAIN = new Set(["EVENTS_LOST", "WORKER_LOST", "STORE_FULL", "STALE_EPOCH", "SHUTTING_DOWN"]);
const PAUSE_MS = 150;
const TRIES_MAX = 200;

/** All callers of one script. */
export class Callers {
  readonly told: Told = {
    replies: new Map(),
    refusals: new Map(),
    stored: new Set(),
    maybe: new Set(),
    ends: new Map(),
    runs: new Map(),
    cancelled: new Set(),
    steered: new Map(),
    wrong: [],
    shown: [],
  };
  readonly #system: TestSystem;
  #busy = 0;

  constructor(system: TestSystem) {
    this.#system = system;
  }

  /** Begins every request at its time. */
  begin(requests: readonly Request[]): void {
    for (const request of requests) {
      this.#do(async () => {
        await this.#pause(request.atMs);
        await this.#pursue(request);
      });
    }
  }

  /** Whether everybody has been answered. */
  get areDone(): boolean {
    return this.#busy === 0;
  }

  async #pursue(request: Request): Promise<void> {
    switch (request.type) {
      case "ask":
        await this.#ask(request);
        return;
      case "send":
        await this.#send(request);
        return;
      case "tell":
        this.told.maybe.add(request.id);
        this.#system.tell(request.to, request.message);
        return;
      case "job":
        await this.#job(request);
    }
  }

  async #ask(request: Request & { type: "ask" }): Promise<void> {
    const { id, to, message, again } = request;
    const first = await this.#said(id, () => this.#system.ask(to, message, keyOf(id)));
    if (first.error !== undefined) {
      this.told.refusals.set(id, first.error);
      return;
    }
    this.told.replies.set(id, first.value);
    if (!again) return;
    await this.#pause(PAUSE_MS);
    const second = await this.#said(id, () => this.#system.ask(to, message, keyOf(id)));
    if (JSON.stringify(second) !== JSON.stringify(first)) {
      this.told.wrong.push(`${id} answered ${show(second)} where it was ${show(first)}`);
    }
  }

  async #send(request: Request & { type: "send" | "tell" }): Promise<void> {
    const { id, to, message } = request;
    this.told.maybe.add(id);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      try {
        await this.#system.send(to, message);
        this.told.stored.add(id);
        return;
      } catch (error) {
        // Only a refusal says that nothing was taken.
        if (codeOf(error) !== "STORE_FULL") return;
        await this.#pause(PAUSE_MS);
      }
    }
  }

  async #job(request: Request & { type: "job" }): Promise<void> {
    const { id, to, job, held } = request;
    const reader = new FrameReader((what) => this.told.shown.push(`${job.name}: ${what}`));
    const { tenant, root } = addressParts(to);
    const message = { type: "job", job, held };
    const seen = (frame: Frame): void => {
      if (reader.run === undefined && frame.type === "accepted" && frame.run !== null) {
        this.told.runs.set(job.name, frame.run);
        this.#controls(request, { to, tenant, root, run: frame.run });
      }
      reader.take(frame);
    };
    const told = await this.#said(id, () => {
      const { run, cursor: after } = reader;
      if (run === undefined) return this.#system.stream(to, message, keyOf(id), seen);
      reader.again();
      const cursor = after === undefined ? {} : { after };
      const following = this.#system.follow({ tenant, root, run, ...cursor }, seen);
      return following.catch((error: unknown) => {
        // The power took what it has seen: it begins anew.
        if (codeOf(error) === "EVENTS_LOST") reader.forget();
        throw error;
      });
    });
    if (told.error !== undefined) this.told.wrong.push(`${job.name} got ${told.error}`);
    else if (reader.end === undefined) this.told.wrong.push(`${job.name} has no end`);
    else this.told.ends.set(job.name, reader.end);
  }

  /** What else is said to a run once it is known. */
  #controls(
    request: Request & { type: "job" },
    at: { to: Address; tenant: string; root: string; run: string },
  ): void {
    const { job, held, steers, cancelAfterMs } = request;
    const { to, run } = at;
    if (held) {
      this.#do(async () => {
        await this.#pause(700);
        const message = { type: "release", run };
        await this.#said(job.name, () => this.#system.ask(to, message, keyOf(`release ${run}`)));
      });
    }
    for (const value of steers) {
      this.#do(async () => {
        await this.#pause(400);
        const message = { type: "steer", run, value };
        await this.#said(job.name, () => this.#system.ask(to, message, keyOf(value)));
        const values = this.told.steered.get(job.name) ?? [];
        const { passedMs } = this.#system.schedule;
        this.told.steered.set(job.name, [...values, { value, passedMs }]);
      });
    }
    if (cancelAfterMs !== undefined) {
      this.#do(async () => {
        await this.#pause(cancelAfterMs);
        // Every other one is for the desk to do: its run may have ended when that is acknowledged.
        if (cancelAfterMs % 2 === 0) {
          const message = { type: "cancel", run };
          await this.#said(job.name, () => this.#system.ask(to, message, keyOf(`cancel ${run}`)));
          return;
        }
        const code = await this.#control(at, { type: "cancel", reason: "not wanted" });
        if (code === null) this.told.cancelled.add(job.name);
      });
    }
    for (const key of decisionsOf(job)) {
      this.#do(async () => {
        await this.#pause(1_200);
        await this.#control(at, { type: "decide", key, value: DECISION });
      });
    }
  }

  async #control(
    at: { tenant: string; root: string; run: string },
    control: RunControl,
  ): Promise<string | null> {
    const { error } = await this.#said(at.run, () => this.#system.control(at, control));
    if (error === undefined) return null;
    // Said before, or too early: the run is held, because a full disk keeps back its release.
    const isUntimely = control.type === "decide" && error === "CONFLICT";
    if (!isUntimely && error !== "RUN_ENDED") {
      this.told.wrong.push(`${control.type} of ${at.run} got ${error}`);
    }
    return error;
  }

  /** Says it until there is an answer: a value, or an error that trying again does not change. */
  async #said(
    what: string,
    say: () => Promise<unknown>,
  ): Promise<{ value?: unknown; error?: string }> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      try {
        return { value: await say() };
      } catch (error) {
        const code = codeOf(error);
        if (!AGAIN.has(code)) return { error: code };
        await this.#pause(PAUSE_MS);
      }
    }
    this.told.wrong.push(`${what} was refused ${TRIES_MAX} times`);
    return { error: "REFUSED" };
  }

  #do(work: () => Promise<void>): void {
    this.#busy += 1;
    work()
      .catch((error: unknown) => this.told.wrong.push(`a caller failed: ${String(error)}`))
      .finally(() => {
        this.#busy -= 1;
      });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#system.schedule.after("callers", ms, resolve);
    });
  }
}

function keyOf(key: string): { source: string; key: string; bodyHash: string; hours: number } {
  return { source: "test", key, bodyHash: key, hours: 24 };
}

function codeOf(error: unknown): string {
  if (error instanceof RuntimeError) return error.code;
  throw error;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

function decisionsOf(job: Job): readonly string[] {
  return job.steps.flatMap((step) => (step.do === "decision" ? [step.key] : []));
}
