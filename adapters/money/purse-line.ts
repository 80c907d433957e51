// The purse as workers have it: they ask main over their engine's line. What a worker had reserved when it
// went away counts as spent.

import type {
  CallUse,
  ProviderCall,
  ProviderPurse,
  ReservedCall,
} from "../../actors/money/provider-call.ts";
import {
  type ErrorData,
  fromErrorData,
  type RuntimeError,
  toErrorData,
} from "../../runtime/errors.ts";
import type { HostLine } from "../../runtime/threads/host.ts";

/** From a worker, which numbers its calls. */
type Ask =
  | { readonly type: "reserve"; readonly id: number; readonly call: ProviderCall }
  | { readonly type: "leave"; readonly id: number }
  /** `use` null: nothing of it is paid. */
  | { readonly type: "end"; readonly id: number; readonly use: CallUse | null };

/** From main. `done`: what was asked last of a call is done. */
type Tell =
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "failed"; readonly id: number; readonly error: ErrorData };

/** A worker's end of the line. */
export function linePurse(line: HostLine): ProviderPurse {
  const waiting = new Map<
    number,
    { readonly done: () => void; readonly failed: (error: RuntimeError) => void }
  >();
  let last = 0;
  line.receive((message) => {
    const told = message as Tell;
    const call = waiting.get(told.id);
    waiting.delete(told.id);
    if (told.type === "done") call?.done();
    else call?.failed(fromErrorData(told.error));
  });
  const asked = (ask: Ask): Promise<void> =>
    new Promise((done, failed) => {
      waiting.set(ask.id, { done, failed });
      line.send(ask);
    });
  return {
    async reserve(call, signal) {
      last += 1;
      const id = last;
      const leave = (): void => line.send({ type: "leave", id } satisfies Ask);
      signal?.addEventListener("abort", leave, { once: true });
      try {
        await asked({ type: "reserve", id, call });
      } finally {
        signal?.removeEventListener("abort", leave);
      }
      const end = (use: CallUse | null): Promise<void> => asked({ type: "end", id, use });
      return { settle: (use) => end(use), release: () => end(null) };
    },
  };
}

/** Main's end. @returns what is called when the engine is gone. */
export function servePurse(line: HostLine, purse: () => Promise<ProviderPurse>): () => void {
  const calls = new Map<number, { readonly stop: AbortController; paid?: ReservedCall }>();
  let isGone = false;
  const tell = (told: Tell): void => {
    if (!isGone) line.send(told);
  };
  const reserve = async (id: number, call: ProviderCall): Promise<void> => {
    const stop = new AbortController();
    const mine: { readonly stop: AbortController; paid?: ReservedCall } = { stop };
    calls.set(id, mine);
    try {
      const paid = await (await purse()).reserve(call, stop.signal);
      mine.paid = paid;
      // Nobody has heard of it, so that nothing went out.
      if (isGone) await paid.release();
      else tell({ type: "done", id });
    } catch (error) {
      calls.delete(id);
      tell({ type: "failed", id, error: toErrorData(error) });
    }
  };
  const end = async (id: number, use: CallUse | null): Promise<void> => {
    const paid = calls.get(id)?.paid;
    calls.delete(id);
    await (use === null ? paid?.release() : paid?.settle(use));
    tell({ type: "done", id });
  };
  line.receive((message) => {
    const ask = message as Ask;
    if (ask.type === "leave") calls.get(ask.id)?.stop.abort();
    // Neither throws: what fails is told to who asked, or in the log.
    else if (ask.type === "end") void end(ask.id, ask.use);
    else void reserve(ask.id, ask.call);
  });
  return () => {
    isGone = true;
    for (const { stop, paid } of calls.values()) {
      stop.abort();
      void paid?.settle({});
    }
    calls.clear();
  };
}
