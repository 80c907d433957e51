// Patterns that a user wrote, on RE2: linear in the text whatever the pattern. Loaded when an agent
// first needs one, like the other libraries that a plain chat does without.

type Library = typeof import("re2js");

/** A compiled pattern. */
export type LinearPattern = ReturnType<Library["RE2JS"]["compile"]>;

let library: Library | undefined;

/** Loads what `linearPattern` needs. Awaited once before it is called. */
export async function loadLinearPatterns(): Promise<void> {
  library ??= await import("re2js");
}

/** Compiles a pattern. @throws Error for one that RE2 cannot express. */
export function linearPattern(source: string): LinearPattern {
  if (library === undefined) throw new Error("loadLinearPatterns was not awaited.");
  return library.RE2JS.compile(source);
}
