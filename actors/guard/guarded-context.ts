// What a run is given in place of its context when guardrails hold for it: whatever it shows goes through
// their chain, in whichever step, and what it starts is held to the same. One place, so that no way of
// answering is forgotten.

import type {
  Attempt,
  ChildSpec,
  Data,
  Outcome,
  RunContext,
  StepOptions,
} from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";
import type { Ports } from "../ports.ts";
import type { ChatEvent } from "../records/conversation.ts";
import { type Finding, type GuardRef, guardrailLimits } from "../records/guardrail.ts";
import { type Chain, rulesOn } from "./chain.ts";
import type { Checked, CheckedAt, RunGuard, WithGuard } from "./guard-of.ts";
import { guardedStep } from "./guarded-step.ts";
import { createPlaceholders, type Placeholders } from "./placeholders.ts";
import { checkValue } from "./values.ts";

type Inner = RunContext<Ports>;

/** The chain of a run, and what it has found. */
export class Guard implements RunGuard {
  readonly chain: Chain;
  /** Who has them: children are held to the same. */
  readonly refs: readonly GuardRef[];
  readonly placeholders: Placeholders = createPlaceholders();
  readonly findings: Finding[] = [];
  /** Whether a part of the answer was withheld. */
  isOutputBlocked = false;

  constructor(chain: Chain, refs: readonly GuardRef[]) {
    this.chain = chain;
    this.refs = refs;
  }

  check<V>(value: V, where: CheckedAt): Checked<V> {
    const { placeholders } = this;
    const verdict = checkValue(this.chain, value, { ...where, placeholders });
    return { ...verdict, blocked: verdict.blockedBy?.message ?? null };
  }

  note(findings: readonly Finding[]): void {
    const room = guardrailLimits.findings - this.findings.length;
    this.findings.push(...findings.slice(0, Math.max(0, room)));
    this.isOutputBlocked ||= findings.some(
      ({ on, action }) => on === "output" && action === "block",
    );
  }
}

/** A context whose shown text is checked. */
export class GuardedContext implements RunContext<Ports>, WithGuard {
  readonly guard: Guard;
  readonly #inner: Inner;

  constructor(inner: Inner, guard: Guard) {
    this.#inner = inner;
    this.guard = guard;
  }

  get self(): Address {
    return this.#inner.self;
  }
  get id(): string {
    return this.#inner.id;
  }
  get tenant(): string {
    return this.#inner.tenant;
  }
  get deadlineMs(): number {
    return this.#inner.deadlineMs;
  }
  get signal(): AbortSignal {
    return this.#inner.signal;
  }
  get ports(): Ports {
    return this.#inner.ports;
  }

  async step<T>(
    key: string,
    perform: (attempt: Attempt) => Promise<T> | T,
    options?: StepOptions<T>,
  ): Promise<T> {
    const { chain, placeholders } = this.guard;
    const rules = rulesOn(chain, "output");
    const ofCalls = rulesOn(chain, "tool_arguments");
    // What a tool gives is no text of the answer: its results are looked at where they are made.
    const isNone = rules.length + ofCalls.length === 0 || key.startsWith("tool:");
    const checked = (attempt: Attempt): Promise<T> =>
      guardedStep(attempt, perform, { rules, ofCalls, placeholders });
    const result = await this.#inner.step(key, isNone ? perform : checked, options);
    if (!key.startsWith("tool:")) this.noteStep(key, result);
    return result;
  }

  /** Tells what the stored result of a step says was found in it. */
  noteStep(key: string, result: unknown): void {
    const { guardrails } = (result ?? {}) as { readonly guardrails?: readonly Finding[] };
    if (guardrails !== undefined && guardrails.length > 0) this.tell(key, guardrails);
  }

  tell(key: string, findings: readonly Finding[]): void {
    this.guard.note(findings);
    const event: ChatEvent = { type: "guardrail", findings };
    this.#inner.emit(`guardrail:${key}`, event);
  }

  async child(key: string, spec: ChildSpec): Promise<Outcome> {
    const { refs } = this.guard;
    const input = { ...(spec.input as object), guards: refs };
    const outcome = await this.#inner.child(key, { ...spec, input });
    if (outcome.status === "completed") {
      const { guardrails = [] } = (outcome.result ?? {}) as { guardrails?: readonly Finding[] };
      this.guard.note(guardrails);
    }
    return outcome;
  }

  cancelChild(key: string, reason: string): void {
    this.#inner.cancelChild(key, reason);
  }
  ask(...args: Parameters<Inner["ask"]>): Promise<Data> {
    return this.#inner.ask(...args);
  }
  send(...args: Parameters<Inner["send"]>): Promise<void> {
    return this.#inner.send(...args);
  }
  sendAtEnd(...args: Parameters<Inner["sendAtEnd"]>): void {
    this.#inner.sendAtEnd(...args);
  }
  sleep(...args: Parameters<Inner["sleep"]>): Promise<void> {
    return this.#inner.sleep(...args);
  }
  decision(...args: Parameters<Inner["decision"]>): Promise<Data> {
    return this.#inner.decision(...args);
  }
  steered(key: string): Promise<readonly Data[]> {
    return this.#inner.steered(key);
  }
  flushed(): Promise<void> {
    return this.#inner.flushed();
  }
  now(key: string): Promise<number> {
    return this.#inner.now(key);
  }
  emit(key: string, event: Data): void {
    this.#inner.emit(key, event);
  }
  emitted(key: string): Data {
    return this.#inner.emitted(key);
  }
  isStored(key: string): boolean {
    return this.#inner.isStored(key);
  }
  isCopied(key: string): boolean {
    return this.#inner.isCopied(key);
  }
  records(...args: Parameters<Inner["records"]>): ReturnType<Inner["records"]> {
    return this.#inner.records(...args);
  }
  row(table: string, id: string): Promise<Data> {
    return this.#inner.row(table, id);
  }
  atEnd(...args: Parameters<Inner["atEnd"]>): void {
    this.#inner.atEnd(...args);
  }
}
