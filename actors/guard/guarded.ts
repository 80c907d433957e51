// The door of guardrails for runs, called first thing by every run that answers: one for which none holds
// goes on as it is, and loads nothing of them.

import type { RunContext } from "../../runtime/actor.ts";
import type { Ports } from "../ports.ts";
import type { GuardRef } from "../records/guardrail.ts";
import type { Meter } from "../spend.ts";
import type { TurnReference } from "../turn-input.ts";
import { guardOf } from "./guard-of.ts";
import type { GuardedInput, Said, Speaking } from "./input.ts";
import { type StoredChain, storedChain } from "./stored.ts";

/** Who answers at which version, and which chains hold above it. */
type Answering = Pick<TurnReference, "agent" | "version" | "guards">;

/**
 * Does the work of a run under the chains that hold for it.
 * @throws GUARDRAIL_BLOCKED when what it is asked is blocked.
 */
export async function guarded<I extends GuardedInput, R extends object>(
  context: RunContext<Ports>,
  input: I,
  meter: Meter,
  work: (context: RunContext<Ports>, input: I) => Promise<R>,
): Promise<R> {
  const { ref, isAbove, chains } = await chainsOf(context, input);
  if (chains.length === 0 && input.screened === undefined) return work(context, input);
  const { underGuard } = await import("./guarded-run.ts");
  return await underGuard(context, input, { chains, own: isAbove ? null : ref, meter, work });
}

/**
 * What a run that answers nobody works in: what it keeps of a model's words goes through the chains of who
 * it works for (`guardOf`).
 */
export async function heldTo(
  context: RunContext<Ports>,
  input: Answering,
  meter: Meter,
): Promise<RunContext<Ports>> {
  const { ref, chains } = await chainsOf(context, input);
  if (chains.length === 0) return context;
  const { contextUnder } = await import("./guarded-run.ts");
  return await contextUnder(context, chains, { ref, meter });
}

interface Held {
  readonly ref: GuardRef;
  /** Whether the run above is held to it already. */
  readonly isAbove: boolean;
  readonly chains: readonly StoredChain[];
}

/** The chains that have rules: those of the runs above, then that of who answers. */
async function chainsOf(
  context: RunContext<Ports>,
  { agent, version, guards = [] }: Answering,
): Promise<Held> {
  const ref: GuardRef = { id: agent, version };
  const isAbove = isAmong(guards, ref);
  const all = isAbove ? guards : [...guards, ref];
  const chains = await Promise.all(all.map((one) => storedChain(context, one)));
  return { ref, isAbove, chains: chains.filter(({ rules }) => rules.length > 0) };
}

/** @throws GUARDRAIL_BLOCKED when its own rules block what it is asked. */
export async function speakingIn<A extends Said>(
  context: RunContext<Ports>,
  ref: GuardRef,
  meter: Meter,
  asked: A,
): Promise<Speaking<A>> {
  const chain = await storedChain(context, ref);
  const isHeld = isAmong(guardOf(context)?.guard.refs ?? [], ref);
  if (isHeld || chain.rules.length === 0) {
    return { context, asked, ended: (result) => result };
  }
  const { speakingUnder } = await import("./guarded-run.ts");
  return await speakingUnder(context, asked, { chain, meter });
}

function isAmong(refs: readonly GuardRef[], { id, version }: GuardRef): boolean {
  return refs.some((one) => one.id === id && one.version === version);
}
