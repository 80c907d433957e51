// What a module builds when it is first asked for, not while it loads: a thread that never asks pays
// neither the time at its start nor the memory.

/** Calls `make` at the first call, once, and answers the same from then on. One that throws is tried again. */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
