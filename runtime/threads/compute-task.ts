// What a thread of the compute pool runs: imports the task's module, calls it, and gives errors back
// as data, because a thrown one loses its code on the way.

import { type ErrorData, toErrorData } from "../errors.ts";
import { giveWay } from "./priority.ts";

giveWay();

/** A task as it travels to a compute thread. */
export interface ComputeJob {
  /** Module of the task, a file URL. */
  readonly url: string;
  /** Its exported function: one plain argument, a plain result or a promise of one. */
  readonly name: string;
  readonly input: unknown;
}

/** What comes back. */
export type ComputeResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ErrorData };

/** Runs one task. */
export async function runJob({ url, name, input }: ComputeJob): Promise<ComputeResult> {
  try {
    const module: Readonly<Record<string, unknown>> = await import(url);
    const task = module[name];
    if (typeof task !== "function") throw new Error(`The task module exports no ${name}.`);
    return { ok: true, value: await task(input) };
  } catch (error) {
    return { ok: false, error: toErrorData(error) };
  }
}
