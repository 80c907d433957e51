// Where routers are built off the hot path: the classifier in the compute pool, the rest in slices
// between turns of the event loop.

import type { Compute } from "../ports.ts";
import type { Aside } from "./compile.ts";
import type { Weights } from "./training.ts";

/** Name of the compute pool's task that trains a router; its function is `trainWeights`. */
export const trainTaskName = "routing.train";

/** Longest wait for it, queue included; then the router is trained where it is needed. */
const TRAIN_MS = 20_000;

/** The ways aside of a thread with a compute pool. */
export function asideOf(compute: Compute, tenant: string): Aside {
  return {
    train: async (input) =>
      (await compute.run(trainTaskName, input, { tenant, timeoutMs: TRAIN_MS })) as Weights,
    pause: () => new Promise((resume) => setImmediate(resume)),
  };
}
