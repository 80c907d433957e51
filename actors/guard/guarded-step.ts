// A step whose text is checked before it is shown and before it is stored: a crash, a replay and the history
// find what was shown and nothing else.

import type { Attempt } from "../../runtime/actor.ts";
import type { ToolCall } from "../ports.ts";
import type { Finding } from "../records/guardrail.ts";
import { type Chain, checkText, contentOf, type Rule } from "./chain.ts";
import { canStream, createHeldText, type HeldText } from "./held-text.ts";
import type { Verdict } from "./judging.ts";
import { type AskJudge, lookLate, nothingLate, type Question } from "./late.ts";
import type { Placeholders } from "./placeholders.ts";
import { checkValue } from "./values.ts";

interface By {
  /** Those that look at output, and those that look at arguments of tools. */
  readonly rules: Chain;
  readonly ofCalls: Chain;
  readonly late: LateRules;
  readonly placeholders: Placeholders;
}

/** Rules that ask somebody, and how a step asks a model. */
export interface LateRules {
  /** At output that is shown; at output that another run or step shows; at arguments. */
  readonly output: Chain;
  readonly hidden: Chain;
  readonly calls: Chain;
  ask(attempt: Attempt): AskJudge;
}

/** What of a step's result waits for a person: the text is none of its result until then. */
export interface AskedText {
  readonly name: "text" | "hidden";
  readonly text: string;
  readonly questions: readonly Question[];
  /** Whether viewers are shown it. */
  readonly isShown: boolean;
}

/** What guardrails keep in the result of a step. */
export interface GuardNotes {
  readonly guardrails?: readonly Finding[];
  readonly verdicts?: readonly Verdict[];
  readonly askedText?: AskedText;
  /** Calls that wait for a person, by id. */
  readonly askedCalls?: Readonly<Record<string, readonly Question[]>>;
  /** Calls that are blocked, by id, with what the model is told. */
  readonly blockedCalls?: Readonly<Record<string, string>>;
}

/** The result of a step that shows `text`, or keeps it as `hidden` for another one. */
interface Textual {
  readonly text?: unknown;
  readonly hidden?: unknown;
  /** Why a model stopped. */
  readonly finish?: unknown;
  readonly calls?: readonly ToolCall[];
  readonly data?: unknown;
  /** Why an answer does not fit. */
  readonly fault?: { readonly reason: string; readonly pointer: string };
}

/** Performs a step; of what it shows and gives, `text` is what the rules leave. */
export async function guardedStep<T>(
  attempt: Attempt,
  perform: (attempt: Attempt) => Promise<T> | T,
  by: By,
): Promise<T> {
  const live = new GuardedAttempt(attempt, by);
  const said = await perform(live);
  const { text, hidden, finish, fault } = (said ?? {}) as Textual;
  // Of a model, or shown: what else has a text is none of the answer.
  if (finish === undefined && !live.hasWritten) return said;
  const ask = by.late.ask(attempt);
  const result = await withCalls(besideText(said, by), by, ask);
  if (typeof text === "string") {
    // A model that calls tools first has said nothing yet that could be too short or have a form.
    if (text === "" && (result as Textual).calls !== undefined) return result;
    if (by.late.output.length === 0) return withText(result, "text", live.finish(text));
    const checked = await lately(whole(text, by), by.late.output, ask);
    const isShown = live.hasWritten;
    if (checked.questions.length === 0) live.show(checked.text);
    return withText(result, "text", { ...checked, isShown });
  }
  if (typeof hidden !== "string") return result;
  // What another step goes on with is checked where that shows it; its form and length are that one's.
  const checked = whole(hidden, { ...by, rules: contentOf(by.rules) });
  // One that does not fit is put right before anybody reads it.
  if (fault !== undefined) return withText(result, "hidden", checked);
  return withText(result, "hidden", await lately(checked, contentOf(by.late.hidden), ask));
}

interface Checked {
  readonly text: string;
  readonly findings: readonly Finding[];
  readonly blockedBy: Rule | null;
  readonly questions?: readonly Question[];
  readonly verdicts?: readonly Verdict[];
  readonly isShown?: boolean;
}

/** What those that ask somebody leave of what the others have left. */
async function lately(
  checked: Checked,
  rules: Chain,
  ask: AskJudge,
): Promise<Checked & { readonly questions: readonly Question[] }> {
  if (checked.blockedBy !== null || checked.text === "") return { ...checked, questions: [] };
  const looked = await lookLate(rules, checked.text, { on: "output" }, ask);
  const { blockedBy, questions, verdicts } = looked;
  const findings = [...checked.findings, ...looked.findings];
  const text = blockedBy === null ? checked.text : blockedBy.message;
  return { text, findings, blockedBy, verdicts, questions: blockedBy === null ? questions : [] };
}

/** What stands beside the text: values that were collected, and why an answer does not fit. */
function besideText<T>(result: T, { rules, placeholders }: By): T {
  const { data, fault } = result as Textual;
  if (data === undefined && fault === undefined) return result;
  // A list: names of ours are none of what the model has said.
  const beside = [data, fault?.reason, fault?.pointer] as const;
  const where = { on: "output", placeholders } as const;
  const { value, findings, blockedBy } = checkValue(contentOf(rules), beside, where);
  if (findings.length === 0) return result;
  const { guardrails = [] } = result as GuardNotes;
  // What is put right is put right without a word of what it was.
  const [left, reason, pointer] = blockedBy === null ? value : [undefined, blockedBy.message, ""];
  const kept = Object.entries(result as object).filter(([name]) => name !== "data");
  return {
    ...Object.fromEntries(kept),
    ...(left !== undefined && { data: left }),
    ...(fault && { fault: { reason, pointer } }),
    guardrails: [...guardrails, ...findings],
  } as T;
}

/** With what the rules leave of the arguments of calls, and which calls they block. */
async function withCalls<T>(
  result: T,
  { ofCalls, late, placeholders }: By,
  ask: AskJudge,
): Promise<T> {
  const { calls = [] } = result as Textual;
  if (calls.length === 0 || ofCalls.length + late.calls.length === 0) return result;
  const findings: Finding[] = [];
  const verdicts: Verdict[] = [];
  const blockedCalls: Record<string, string> = {};
  const askedCalls: Record<string, readonly Question[]> = {};
  const left: ToolCall[] = [];
  for (const call of calls) {
    const given = argumentsOf(call.arguments);
    const where = { on: "tool_arguments", at: call.name } as const;
    const verdict = checkValue(ofCalls, given, { ...where, placeholders });
    findings.push(...verdict.findings);
    const looked =
      verdict.blockedBy === null
        ? await lookLate(late.calls, verdict.value, where, ask)
        : nothingLate;
    findings.push(...looked.findings);
    verdicts.push(...looked.verdicts);
    const blockedBy = verdict.blockedBy ?? looked.blockedBy;
    if (blockedBy !== null) {
      blockedCalls[call.id] = blockedBy.message;
      left.push({ ...call, arguments: "{}" });
      continue;
    }
    if (looked.questions.length > 0) askedCalls[call.id] = looked.questions;
    left.push(verdict.value === given ? call : { ...call, arguments: writtenAs(verdict.value) });
  }
  const { guardrails = [] } = result as GuardNotes;
  const notes: GuardNotes = {
    ...(findings.length > 0 && { guardrails: [...guardrails, ...findings], blockedCalls }),
    ...(verdicts.length > 0 && { verdicts }),
    ...(Object.keys(askedCalls).length > 0 && { askedCalls }),
  };
  return { ...result, calls: left, ...notes };
}

const writtenAs = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** Arguments that are no JSON are looked at as they are. */
function argumentsOf(text: string): unknown {
  try {
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return text;
  }
}

/** What was blocked calls nothing, reports nothing and is not put right. */
function withText<T>(
  result: T,
  name: "text" | "hidden",
  { text, findings, blockedBy, questions = [], verdicts = [], isShown = false }: Checked,
): T {
  const { guardrails = [], verdicts: before = [] } = result as GuardNotes;
  const noted = {
    ...result,
    ...(findings.length > 0 && { guardrails: [...guardrails, ...findings] }),
    ...(verdicts.length > 0 && { verdicts: [...before, ...verdicts] }),
  };
  if (questions.length > 0) {
    const askedText: AskedText = { name, text, questions, isShown };
    return { ...noted, [name]: "", askedText };
  }
  if (findings.length === 0) return noted;
  if (blockedBy === null) return { ...noted, [name]: text };
  return withheld(noted, name, text) as T;
}

/** A result of which the text was blocked, with what is read in its place. */
export function withheld(result: unknown, name: "text" | "hidden", message: string): object {
  const {
    calls: _,
    data: _data,
    fault: _fault,
    askedCalls: _asked,
    blockedCalls: _blocked,
    ...rest
  } = result as Readonly<Record<string, unknown>>;
  const finish = "finish" in rest && { finish: "content_filter" };
  return { ...rest, ...finish, [name]: message };
}

function whole(text: string, { rules, placeholders }: By): Checked {
  const verdict = checkText(rules, text, { on: "output", placeholders });
  const { blockedBy } = verdict;
  return blockedBy === null ? verdict : { ...verdict, text: blockedBy.message };
}

/** An attempt whose text goes through the chain. */
class GuardedAttempt implements Attempt {
  readonly #inner: Attempt;
  readonly #by: By;
  /** Null: nothing is shown before all is checked. */
  readonly #held: HeldText | null;
  /** Units that the step has written, and what of it is shown. */
  hasWritten = false;
  #written = 0;
  #shown = "";

  constructor(inner: Attempt, by: By) {
    this.#inner = inner;
    this.#by = by;
    const isLate = by.late.output.length > 0;
    this.#held = !isLate && canStream(by.rules) ? createHeldText(by.rules, by.placeholders) : null;
  }

  get number(): number {
    return this.#inner.number;
  }
  get signal(): AbortSignal {
    return this.#inner.signal;
  }

  /** A property, so that code may take it out of the attempt. */
  readonly write = (text: string): void => {
    this.hasWritten = true;
    this.#written += text.length;
    if (this.#held !== null) this.#show(this.#held.push(text));
  };

  /** @param text all that the step has said. */
  finish(text: string): Checked {
    const held = this.#held;
    if (held === null || this.#written === 0) {
      const checked = whole(text, this.#by);
      if (this.#written > 0) this.#show(checked.text);
      return checked;
    }
    this.#show(held.push(text.slice(this.#written)));
    this.#show(held.end());
    const { blockedBy, findings } = held;
    // What is shown cannot be taken back: the answer ends there.
    if (blockedBy !== null) {
      this.#show(this.#shown === "" ? blockedBy.message : `\n\n${blockedBy.message}`);
    }
    return { text: this.#shown, findings, blockedBy };
  }

  /** All at once, if anything of it was meant to be seen. */
  show(text: string): void {
    if (this.#written > 0) this.#show(text);
  }

  #show(text: string): void {
    if (text === "") return;
    this.#shown += text;
    this.#inner.write(text);
  }
}
