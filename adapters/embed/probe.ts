// The weights behind a provider's name, by what they make of a fixed text. Asked at an embedder's first
// use in a thread and again from time to time: a server may be given another model under the same name.

import type { Embedder } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { readSmall, writeSmall } from "./small-file.ts";
import { areSameWeights, probeText, weightsOfProbe } from "./weights.ts";

/** Limits of asking. */
export const probeLimits = {
  /** What was said counts for so long. */
  keptMs: 600_000,
  /** Who asks again waits for no longer; until there is an answer, what was said counts. */
  againMs: 2_000,
  /** An endpoint that says nothing for so long is asked anew: all that wait for it wait for one call. */
  askMs: 60_000,
  /** Descriptions that are remembered of one embedder: a provider may go back to former weights. */
  knownMax: 8,
  /** The tenant in whose turn it is asked: none of the callers'. Nobody pays: it is the operator who asks. */
  tenant: "probe",
} as const;

/**
 * Tells an embedder's weights. @param memory file of the descriptions that were given before: weights
 * that are the same get the same one, so that what was remembered for them is found again.
 * @returns a function that throws as `Embedder.embed` when the provider cannot be asked the first time.
 */
export function probing(
  embedder: Embedder,
  memory: string,
  nowMs: () => number = () => performance.now(),
): () => Promise<string> {
  let last: { readonly weights: string; readonly atMs: number } | undefined;
  let asking: Promise<string> | undefined;

  const ask = async (): Promise<string> => {
    try {
      const [vector] = await embedInTime(embedder);
      const found = weightsOfProbe(vector ?? new Float32Array(0));
      const weights =
        last !== undefined && areSameWeights(last.weights, found)
          ? last.weights
          : await sameAsBefore(memory, found);
      last = { weights, atMs: nowMs() };
      return weights;
    } catch (error) {
      // It was asked before, and only cannot answer now.
      if (last !== undefined && error instanceof RuntimeError && error.retryable)
        return last.weights;
      throw error;
    } finally {
      asking = undefined;
    }
  };
  return async () => {
    if (last !== undefined && nowMs() - last.atMs < probeLimits.keptMs) return last.weights;
    asking ??= ask();
    if (last === undefined) return await asking;
    return await soon(asking, last.weights);
  };
}

async function embedInTime(embedder: Embedder): Promise<readonly Float32Array[]> {
  const { tenant, askMs } = probeLimits;
  const signal = AbortSignal.timeout(askMs);
  try {
    return await embedder.embed([probeText], { tenant, signal, payer: null });
  } catch (cause) {
    throw signal.aborted ? lateOf(embedder, cause) : cause;
  }
}

function lateOf({ id }: Embedder, cause: unknown): RuntimeError {
  const text = `The embedder ${id} gave no vector within ${probeLimits.askMs} ms.`;
  return new RuntimeError("PROVIDER_UNAVAILABLE", text, { embedder: id }, { cause });
}

/** A provider that hangs would hold up all its collections at once, whoever's. */
async function soon(asked: Promise<string>, before: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, probeLimits.againMs, before);
  });
  // Nobody may be there any more when it fails.
  asked.catch(() => undefined);
  return await Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

async function sameAsBefore(memory: string, found: string): Promise<string> {
  const stored = await readSmall(memory);
  const known = Array.isArray(stored) ? stored.filter((one) => typeof one === "string") : [];
  const same = known.find((one) => areSameWeights(one, found));
  if (same !== undefined) return same;
  await writeSmall(memory, [found, ...known].slice(0, probeLimits.knownMax));
  return found;
}
