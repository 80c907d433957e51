// What a span says of a run: who answers in it, in which conversation, what all of it took.

import type { Outcome } from "../../runtime/actor.ts";
import { type Address, addressParts } from "../../runtime/address.ts";
import type { Usage } from "../ports.ts";
import type { AnswerInput, TurnInput } from "../turn-input.ts";
import { messages, usageOf } from "./said-of-step.ts";
import { type Attributes, attributes } from "./span.ts";

/** Kinds of runs in which somebody answers; others only hand on what is to be answered. */
const answering: ReadonlySet<string> = new Set([
  ...["supervisor", "workflow", "sub-agent", "team", "flow", "remote-agent"],
]);

/** A run, as far as it is said. */
export interface RunGiven {
  readonly id: string;
  readonly kind: string;
  readonly input: unknown;
  readonly outcome: Outcome | null;
  readonly content: boolean;
  /** Of a root run: who started it, and what it left for who has asked. */
  readonly owner?: Address;
  readonly reply?: unknown;
}

/** Name and attributes of its span. */
export function agentPart(run: RunGiven): {
  readonly name: string;
  readonly attributes: Attributes;
} {
  const { id, kind, owner, outcome } = run;
  const input = (run.input ?? {}) as Partial<TurnInput & AnswerInput>;
  const ids = { "troupe.run.id": id, "troupe.run.kind": kind };
  const conversation = owner === undefined ? null : conversationOf(owner);
  if (typeof input.agent !== "string" || !answering.has(kind)) {
    return {
      name: kind,
      attributes: attributes({ ...ids, "gen_ai.conversation.id": conversation }),
    };
  }
  const result = outcome?.status === "completed" ? outcome.result : null;
  const told = (result ?? run.reply ?? {}) as { readonly usage?: Usage };
  const operation = input.agent.startsWith("wf_") ? "invoke_workflow" : "invoke_agent";
  const who = typeof input.subAgent === "string" ? input.subAgent : input.agent;
  return {
    name: `${operation} ${who}`,
    attributes: {
      ...attributes({
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "troupe",
        "gen_ai.agent.id": who,
        "gen_ai.agent.version": input.version === undefined ? null : String(input.version),
        "gen_ai.conversation.id": conversation,
        ...ids,
      }),
      ...usageOf(told.usage),
      ...(run.content && saidIn(input, told)),
    },
  };
}

function conversationOf(owner: Address): string | null {
  const { kind, root } = addressParts(owner);
  return kind === "conversation" ? root : null;
}

/** The task it was given, and its answer. */
function saidIn({ task, text }: Partial<TurnInput & AnswerInput>, told: object): Attributes {
  const asked = task?.text ?? text;
  const { response, text: answer = response } = told as { readonly [field: string]: unknown };
  return attributes({
    "gen_ai.input.messages":
      asked === undefined ? null : messages(asked).replace('"assistant"', '"user"'),
    "gen_ai.output.messages": typeof answer === "string" ? messages(answer) : null,
  });
}
