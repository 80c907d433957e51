// Which documents of a piece cannot be embedded: all of it is tried in one go, and its documents one by one
// where that is refused, so that one bad text does not take its neighbours with it.

import type { RefusedPart } from "../../actors/ingestion/port.ts";
import { isRefusal } from "../../actors/ingestion/run.ts";
import { type RuntimeError, toErrorData } from "../../runtime/errors.ts";
import { limitOf } from "./document-fault.ts";

function refusalOf(error: unknown): RuntimeError | null {
  return isRefusal(error) ? error : limitOf(error, "Embedding the document");
}

/** @param embed embeds and stores some parts. @throws what is not one document's. */
export async function refusedOf<T>(
  parts: readonly T[],
  embed: (parts: readonly T[]) => Promise<void>,
): Promise<readonly RefusedPart[]> {
  const refusal = await tried(parts, embed);
  if (refusal === null) return [];
  if (parts.length === 1) return [{ at: 0, error: toErrorData(refusal) }];
  const refused: RefusedPart[] = [];
  for (const [at, part] of parts.entries()) {
    const alone = await tried([part], embed);
    if (alone !== null) refused.push({ at, error: toErrorData(alone) });
  }
  return refused;
}

async function tried<T>(
  parts: readonly T[],
  embed: (parts: readonly T[]) => Promise<void>,
): Promise<RuntimeError | null> {
  try {
    await embed(parts);
    return null;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    return refusal;
  }
}
