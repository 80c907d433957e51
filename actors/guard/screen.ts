// What is said to an agent, a team or a workflow is checked before it is accepted: what is blocked is refused
// before anything of it is stored, and of what is redacted the original never is.

import type { ErrorData } from "../../runtime/errors.ts";
import type { PromptMessage } from "../ports.ts";
import type { Finding, GuardPlace } from "../records/guardrail.ts";
import type { ResponseNote } from "../records/response.ts";
import { type Chain, checkText, type Rule } from "./chain.ts";
import { compiledChain } from "./compiled.ts";
import { createPlaceholders, type Placeholders } from "./placeholders.ts";
import type { StoredChain } from "./stored.ts";
import { checkValue } from "./values.ts";

/** A message to go on with, or why it is not taken. */
export type Screened<T> =
  | { readonly message: T; readonly findings: readonly Finding[] }
  | { readonly refusal: ErrorData; readonly findings: readonly Finding[] };

/** What of a message is looked at. */
export interface Said {
  readonly text?: string;
  readonly messages?: readonly PromptMessage[];
  readonly data?: Readonly<Record<string, unknown>>;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly response?: ResponseNote;
}

/** Whether a chain looks at what is said at all. */
export function looksAtInput(chains: readonly StoredChain[]): boolean {
  return chains.some(({ rules }) =>
    rules.some(({ on }) => on.includes("input") || on.includes("tool_results")),
  );
}

/** Checks a message. Plain data in and out: it may be done in another thread. */
export async function screen<T extends Said>(
  message: T,
  by: { readonly tenant: string; readonly chains: readonly StoredChain[] },
): Promise<Screened<T>> {
  return screenNow(message, await compiledChain(by.tenant, by.chains));
}

function screenNow<T extends Said>(message: T, chain: Chain): Screened<T> {
  const findings: Finding[] = [];
  let blockedBy: Rule | null = null;
  const placeholders = createPlaceholders();
  const text = (value: string, on: GuardPlace): string => {
    const verdict = checkText(chain, value, { on, placeholders });
    findings.push(...verdict.findings);
    blockedBy ??= verdict.blockedBy;
    return verdict.text;
  };
  const values = <V>(value: V): V => {
    const verdict = checkValue(chain, value, { on: "input", placeholders });
    findings.push(...verdict.findings);
    blockedBy ??= verdict.blockedBy;
    return verdict.value;
  };
  const { data, variables, response } = message;
  const said = message.text === undefined ? {} : saidText(message.text, data, { text, values });
  const screened: T = {
    ...message,
    ...said,
    ...(message.messages && {
      messages: message.messages.map((one) => ({
        ...one,
        content: text(one.content, one.role === "tool" ? "tool_results" : "input"),
      })),
    }),
    ...(data !== undefined && message.text === undefined && { data: values(data) }),
    ...(variables && { variables: values(variables) }),
  };
  if (blockedBy !== null) return { refusal: refusalBy(blockedBy, findings), findings };
  // Its items are the same texts once more: what was found in them is told already.
  const note =
    response === undefined ? undefined : noteOf(response, { chain, placeholders, findings });
  return { message: note === undefined ? screened : { ...screened, response: note }, findings };
}

/** The text of a workflow is the JSON of its data. */
function saidText(
  said: string,
  data: Said["data"],
  by: { text(value: string, on: GuardPlace): string; values<V>(value: V): V },
): Pick<Said, "text" | "data"> {
  if (data === undefined) return { text: by.text(said, "input") };
  const left = by.values(data);
  return { data: left, text: left === data ? said : JSON.stringify(left) };
}

function noteOf(
  note: ResponseNote,
  {
    chain,
    placeholders,
    findings,
  }: {
    readonly chain: Chain;
    readonly placeholders: Placeholders;
    readonly findings: readonly Finding[];
  },
): ResponseNote {
  if (!findings.some(({ action }) => action === "redact")) return note;
  const { value: items } = checkValue(chain, note.items, { on: "input", placeholders });
  const { value: echo } = checkValue(chain, note.echo, { on: "input", placeholders });
  return { ...note, items, echo };
}

/** How a run or a message that a guardrail blocks ends. */
export function refusalBy(rule: Rule, findings: readonly Finding[]): ErrorData {
  const finding = findings.findLast(({ action }) => action === "block");
  const { name, of, message } = rule;
  const { on = "input", reason = "" } = finding ?? {};
  return {
    code: "GUARDRAIL_BLOCKED",
    message,
    details: { guardrail: { rule: name, of, on, reason } },
  };
}
