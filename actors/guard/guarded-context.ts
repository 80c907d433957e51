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
import { fromErrorData } from "../../runtime/errors.ts";
import { limitsOf } from "../constraints/of-context.ts";
import type { Ports, ToolCall } from "../ports.ts";
import type { LimitScope } from "../records/constraints.ts";
import type { ChatEvent } from "../records/conversation.ts";
import type { Finding, GuardRef } from "../records/guardrail.ts";
import { askPeople } from "./asking.ts";
import { type Chain, lateOn, rulesOn } from "./chain.ts";
import type { Guard } from "./guard.ts";
import type { AskedValue, CheckedAt, Looked, WithGuard } from "./guard-of.ts";
import {
  type AskedText,
  type GuardNotes,
  guardedStep,
  type LateRules,
  withheld,
} from "./guarded-step.ts";
import { judge, type Verdict } from "./judging.ts";
import { type AskJudge, lookLate, nothingLate } from "./late.ts";
import { refusalBy } from "./screen.ts";
import { countFindings, FindingsBook } from "./told.ts";

type Inner = RunContext<Ports>;

/** What people may make of a text. */
const textSchema = {
  type: "object",
  properties: { text: { type: "string" } },
  required: ["text"],
  additionalProperties: false,
} as const;

/** Arguments as people are shown them. */
function shownOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : { arguments: value };
  } catch {
    return { arguments: text };
  }
}

/** A context whose shown text is checked. */
export class GuardedContext implements RunContext<Ports>, WithGuard {
  readonly guard: Guard;
  /** Limits that hold for the run. */
  readonly scopes: readonly LimitScope[];
  readonly #inner: Inner;
  readonly #book: FindingsBook;

  constructor(inner: Inner, guard: Guard, book = new FindingsBook(inner)) {
    this.#inner = inner;
    this.scopes = limitsOf(inner);
    this.guard = guard;
    this.#book = book;
  }

  /** The same run for another one who speaks in it, who is held to its own rules too. */
  speaking(own: Chain, ref: GuardRef): GuardedContext {
    return new GuardedContext(this.#inner, this.guard.speaking(own, ref), this.#book);
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
  get trace(): string | undefined {
    return this.#inner.trace;
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
    // What a tool gives is no text of the answer: its results are looked at where they are made.
    if (key.startsWith("tool:")) return await this.#inner.step(key, perform, options);
    const by = this.#rulesOf(key);
    const checked = (attempt: Attempt): Promise<T> => guardedStep(attempt, perform, by);
    const result = await this.#inner.step(key, by.isNone ? perform : checked, options);
    this.noteStep(key, result);
    // A model's call is settled before people are asked: who made it asks them.
    const isOfModel = typeof result === "object" && result !== null && "finish" in result;
    return isOfModel ? result : await this.answered(key, result);
  }

  #rulesOf(key: string): Parameters<typeof guardedStep>[2] & { readonly isNone: boolean } {
    const { chain, placeholders, own } = this.guard;
    const output = lateOn(chain, "output");
    const late: LateRules = {
      output,
      hidden: output.filter(({ of }) => of === own),
      calls: lateOn(chain, "tool_arguments"),
      ask: (attempt) => this.#asks(key, attempt),
    };
    const rules = rulesOn(chain, "output");
    const ofCalls = rulesOn(chain, "tool_arguments");
    const all = rules.length + ofCalls.length + output.length + late.calls.length;
    return { rules, ofCalls, late, placeholders, isNone: all === 0 };
  }

  /** How models are asked within an attempt of a step. */
  #asks(key: string, { number, signal }: Attempt): AskJudge {
    let asked = 0;
    return (rule, judged) => {
      if (rule.judge === null) throw new Error(`${rule.name} asks no model.`);
      asked += 1;
      const call = `judge:${key}:${number}:${asked}`;
      return judge(
        { context: this.#inner, meter: this.guard.meter, signal, call },
        rule.judge,
        judged,
      );
    };
  }

  /** Tells what the stored result of a step says was found in it, and counts what that has cost. */
  noteStep(key: string, result: unknown): void {
    const { guardrails = [], verdicts = [] } = (result ?? {}) as GuardNotes;
    if (guardrails.length > 0) this.tell(key, guardrails);
    this.settle(key, verdicts);
  }

  settle(key: string, verdicts: readonly Verdict[]): void {
    if (this.#inner.isCopied(key)) return;
    for (const { call, usage } of verdicts) {
      this.guard.meter.settle(call, usage);
      this.guard.spend(usage);
    }
  }

  async look(
    key: string,
    value: unknown,
    where: CheckedAt,
    attempt: Attempt | null,
  ): Promise<Looked> {
    const chain = where.on === "input" ? this.guard.onInput : this.guard.chain;
    if (lateOn(chain, where.on).length === 0) return { ...nothingLate, blocked: null };
    const looked = async (within: Attempt): Promise<Looked> => {
      const { blockedBy, ...rest } = await lookLate(chain, value, where, this.#asks(key, within));
      return { ...rest, blocked: blockedBy?.message ?? null };
    };
    if (attempt !== null) return await looked(attempt);
    const own = `guard:${key}`;
    const stored = await this.#inner.step(own, looked, { repeat: "safe" });
    if (stored.findings.length > 0) this.tell(own, stored.findings);
    this.settle(own, stored.verdicts);
    return stored;
  }

  async decide({ isEditable, asking = (answer) => answer, ...asked }: AskedValue) {
    const open = { ...asked, ...(isEditable && { editable: { type: "object" } }) };
    const answer = await asking(askPeople(this.#inner, this.guard.chain, open));
    if (answer.rule === null) return { left: answer.left };
    this.tell(`declined:${asked.key}`, [answer.finding]);
    return { blocked: answer.rule.message };
  }

  async answered<T>(key: string, result: T): Promise<T> {
    const { askedText, askedCalls, ...rest } = (result ?? {}) as GuardNotes;
    if (askedText === undefined && askedCalls === undefined) return result;
    let left: object = rest;
    if (askedText !== undefined) left = await this.#askText(key, left, askedText);
    if (askedCalls !== undefined) left = await this.#askCalls(key, left, askedCalls);
    return left as T;
  }

  async #askText(key: string, result: object, asked: AskedText): Promise<object> {
    const { name, text, questions, isShown } = asked;
    const about = { key: `${key}:text`, on: "output", questions, shown: { text } } as const;
    const editable = { editable: textSchema };
    const answer = await askPeople(this.#inner, this.guard.chain, { ...about, ...editable });
    if (answer.rule !== null) this.tell(`declined:${key}:text`, [answer.finding]);
    const left = answer.rule === null ? String(answer.left["text"]) : answer.rule.message;
    if (isShown) {
      const show = (attempt: Attempt): { text: string } => {
        attempt.write(left);
        return { text: left };
      };
      await this.#inner.step(`guard-shown:${key}`, show, { repeat: "safe" });
    }
    return answer.rule === null ? { ...result, [name]: left } : withheld(result, name, left);
  }

  async #askCalls(
    key: string,
    result: object,
    asked: NonNullable<GuardNotes["askedCalls"]>,
  ): Promise<object> {
    const { calls = [], blockedCalls = {} } = result as {
      readonly calls?: readonly ToolCall[];
      readonly blockedCalls?: Readonly<Record<string, string>>;
    };
    const blocked: Record<string, string> = { ...blockedCalls };
    const left: ToolCall[] = [];
    for (const [at, call] of calls.entries()) {
      const questions = asked[call.id] ?? [];
      const given = shownOf(call.arguments);
      const of = { key: `${key}:call.${at + 1}`, on: "tool_arguments", at: call.name } as const;
      const decided =
        questions.length === 0
          ? null
          : await this.decide({ ...of, questions, shown: given, isEditable: true });
      if (decided === null || "left" in decided) {
        const isSame = decided === null || decided.left === given;
        left.push(isSame ? call : { ...call, arguments: JSON.stringify(decided.left) });
        continue;
      }
      blocked[call.id] = decided.blocked;
      left.push({ ...call, arguments: "{}" });
    }
    return { ...result, calls: left, blockedCalls: blocked };
  }

  async admit(key: string, said: unknown, where: CheckedAt = { on: "input" }): Promise<void> {
    const { findings, blocked, questions } = await this.look(key, said, where, null);
    let refusal = blocked === null ? null : findings.findLast(({ action }) => action === "block");
    if (refusal === null && questions.length > 0) {
      const shown = typeof said === "string" ? { text: said } : { value: said };
      const about = { key, ...where, questions, shown };
      const answer = await askPeople(this.#inner, this.guard.chain, about);
      if (answer.rule === null) return;
      this.tell(`declined:${key}`, [answer.finding]);
      refusal = answer.finding;
    }
    if (refusal === null || refusal === undefined) return;
    const rule = this.guard.chain.find(
      ({ name, of }) => name === refusal.rule && of === refusal.of,
    );
    if (rule === undefined) return;
    const { details, ...error } = refusalBy(rule, [refusal]);
    // What was steered in is blocked once more by the run of its own: what is answered now stays.
    throw fromErrorData({ ...error, details: { ...details, isSteered: key !== "input" } });
  }

  tell(key: string, findings: readonly Finding[]): void {
    this.guard.note(findings);
    const name = `guardrail:${key}`;
    // What an earlier life has told is counted already.
    if (this.#inner.emitted(name) === undefined) {
      countFindings(this.#inner.ports.guards, this.guard.chain, findings);
    }
    if (!this.#inner.isCopied(key)) this.#book.add(this.guard.chain, findings);
    const event: ChatEvent = { type: "guardrail", findings };
    this.#inner.emit(name, event);
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
  limitTime(...args: Parameters<Inner["limitTime"]>): void {
    this.#inner.limitTime(...args);
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
