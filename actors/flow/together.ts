// Lines that are walked at once: branches of a parallel node, items of a map. The first that fails
// cancels what the others have under way, down to the provider, and ends what they wait for.

import type { Walk } from "./walk.ts";

/** Walks at most `most` at once, in order. @throws what the first line that failed did. */
export async function together(
  walk: Walk,
  lines: readonly (() => Promise<void>)[],
  most: number,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < lines.length && walk.failure === null) {
      const line = lines[next];
      next += 1;
      try {
        await line?.();
      } catch (error) {
        fail(walk, error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, lines.length) }, worker));
  if (walk.failure !== null) throw (walk.failure as { readonly error: unknown }).error;
}

/** Something durable that a node waits for: left when another line has failed. */
export function waiting<T>(walk: Walk, wait: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (walk.failure !== null) reject(walk.failure.error);
    walk.cuts.add(reject);
    wait.then(resolve, reject).finally(() => walk.cuts.delete(reject));
  });
}

/** A child run of a node: cancelled when another line fails. */
export async function childOf<T>(walk: Walk, key: string, call: () => Promise<T>): Promise<T> {
  walk.children.add(key);
  try {
    return await call();
  } finally {
    walk.children.delete(key);
  }
}

/** A step that several lines may come to: made once, by the first. */
export function shared<T>(walk: Walk, key: string, make: () => Promise<T>): Promise<T> {
  const known = walk.shared.get(key);
  if (known !== undefined) return known as Promise<T>;
  const made = make();
  walk.shared.set(key, made);
  return made;
}

function fail(walk: Walk, error: unknown): void {
  if (walk.failure !== null) return;
  walk.failure = { error };
  for (const key of walk.children) walk.context.cancelChild(key, "another branch failed");
  for (const cut of [...walk.cuts]) cut(error);
}
