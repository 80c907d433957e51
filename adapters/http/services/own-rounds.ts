// What a run did with tools of its own before it ended with a call of the caller's, put back in front of that
// call: the history that the caller sends does not hold it, and the model would do it once more.

import { runOfClientCall } from "../../../actors/client-call.ts";
import type { PromptMessage } from "../../../actors/ports.ts";
import type { ChatReply } from "../../../actors/records/conversation.ts";
import type { RunRow, System } from "../../../runtime/system.ts";

/** Runs that one history is looked up in, the newest; of earlier ones the answers tell what they did. */
const RUNS_MAX = 16;

/** The messages with the rounds of this agent's runs; a run that is not kept any more adds nothing. */
export async function withOwnRounds(
  system: Pick<System, "run">,
  { tenant, agent }: { readonly tenant: string; readonly agent: string },
  messages: readonly PromptMessage[],
): Promise<readonly PromptMessage[]> {
  const runs = messages.map(runOf);
  const wanted = [...new Set(runs.filter((run) => run !== null))].slice(-RUNS_MAX);
  if (wanted.length === 0) return messages;
  const rounds = new Map<string, readonly PromptMessage[]>();
  for (const run of wanted) {
    const row = await system.run(tenant, run);
    if (row !== undefined) rounds.set(run, roundsOf(row, agent));
  }
  return messages.flatMap((message, at) => {
    const run = runs[at] ?? null;
    const before = run === null ? [] : (rounds.get(run) ?? []);
    // A history that has the run's answer in two messages gets its rounds once.
    if (run !== null) rounds.delete(run);
    return [...before, message];
  });
}

function runOf(message: PromptMessage): string | null {
  const [call] = message.role === "assistant" ? (message.toolCalls ?? []) : [];
  return call === undefined ? null : runOfClientCall(call.id);
}

function roundsOf({ input, reply }: RunRow, agent: string): readonly PromptMessage[] {
  const { agent: own } = (input ?? {}) as { readonly agent?: unknown };
  const { own_rounds = [] } = (reply ?? {}) as Partial<ChatReply>;
  return own === agent ? own_rounds : [];
}
