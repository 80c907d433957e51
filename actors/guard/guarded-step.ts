// A step whose text is checked before it is shown and before it is stored: a crash, a replay and the history
// find what was shown and nothing else.

import type { Attempt } from "../../runtime/actor.ts";
import type { ToolCall } from "../ports.ts";
import type { Finding } from "../records/guardrail.ts";
import { type Chain, checkText, contentOf, type Rule } from "./chain.ts";
import { canStream, createHeldText, type HeldText } from "./held-text.ts";
import type { Placeholders } from "./placeholders.ts";
import { checkValue } from "./values.ts";

interface By {
  /** Those that look at output, and those that look at arguments of tools. */
  readonly rules: Chain;
  readonly ofCalls: Chain;
  readonly placeholders: Placeholders;
}

/** The result of a step that shows `text`, or keeps it as `hidden` for another one. */
interface Textual {
  readonly text?: unknown;
  readonly hidden?: unknown;
  /** Why a model stopped. */
  readonly finish?: unknown;
  readonly calls?: readonly ToolCall[];
}

/** Performs a step; of what it shows and gives, `text` is what the rules leave. */
export async function guardedStep<T>(
  attempt: Attempt,
  perform: (attempt: Attempt) => Promise<T> | T,
  by: By,
): Promise<T> {
  const live = new GuardedAttempt(attempt, by);
  const said = await perform(live);
  const { text, hidden, finish } = (said ?? {}) as Textual;
  // Of a model, or shown: what else has a text is none of the answer.
  if (finish === undefined && !live.hasWritten) return said;
  const result = withCalls(said, by);
  if (typeof text === "string") return withText(result, "text", live.finish(text));
  if (typeof hidden !== "string") return result;
  // What another step goes on with is checked where that shows it; its form and length are that one's.
  return withText(result, "hidden", whole(hidden, { ...by, rules: contentOf(by.rules) }));
}

interface Checked {
  readonly text: string;
  readonly findings: readonly Finding[];
  readonly blockedBy: Rule | null;
}

/** With what the rules leave of the arguments of calls, and which calls they block. */
function withCalls<T>(result: T, { ofCalls, placeholders }: By): T {
  const { calls = [] } = result as Textual;
  if (calls.length === 0 || ofCalls.length === 0) return result;
  const findings: Finding[] = [];
  const blockedCalls: Record<string, string> = {};
  const left = calls.map((call) => {
    const given = argumentsOf(call.arguments);
    const where = { on: "tool_arguments", at: call.name, placeholders } as const;
    const verdict = checkValue(ofCalls, given, where);
    findings.push(...verdict.findings);
    if (verdict.blockedBy !== null) {
      blockedCalls[call.id] = verdict.blockedBy.message;
      return { ...call, arguments: "{}" };
    }
    if (verdict.value === given) return call;
    const text = typeof given === "string" ? String(verdict.value) : JSON.stringify(verdict.value);
    return { ...call, arguments: text };
  });
  if (findings.length === 0) return result;
  return { ...result, calls: left, blockedCalls, guardrails: findings };
}

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
  { text, findings, blockedBy }: Checked,
): T {
  if (findings.length === 0) return result;
  const { guardrails = [] } = result as { readonly guardrails?: readonly Finding[] };
  const all = [...guardrails, ...findings];
  if (blockedBy === null) return { ...result, [name]: text, guardrails: all };
  const {
    calls: _,
    data: _data,
    fault: _fault,
    ...rest
  } = result as Readonly<Record<string, unknown>>;
  const finish = "finish" in rest && { finish: "content_filter" };
  return { ...rest, ...finish, [name]: text, guardrails: all } as T;
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
    this.#held = canStream(by.rules) ? createHeldText(by.rules, by.placeholders) : null;
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

  #show(text: string): void {
    if (text === "") return;
    this.#shown += text;
    this.#inner.write(text);
  }
}
