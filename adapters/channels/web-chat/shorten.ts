// Leaves out of a script what only people read: comments, indentation, and spaces beside signs. For our own
// sources, which the formatter has written: every statement ends with its semicolon or brace.

const SPACED = /[\w$]/;
/** After one of them a slash begins a pattern, not a division. */
const BEFORE_PATTERN = /[(,=:[!&|?{};>]$/;
const BLANK = /\s/;
/** Characters of the longest word. */
const WORD_MAX = 64;

/** Names of a script's own that are replaced, and what by; nothing that it fills into a template may be one. */
export type Renames = ReadonlyMap<string, string>;

/** Names that modules declare for everybody: functions and constants that begin a line. */
export function namesOf(sources: readonly string[]): Renames {
  const found = sources.flatMap((source) => [
    ...source.matchAll(/^(?:export )?(?:async )?(?:function|const) ([A-Za-z_]\w*)/gm),
  ]);
  const names = [...new Set(found.map(([, name = ""]) => name))];
  return new Map(names.map((name, index) => [name, `$${index.toString(36)}`]));
}

/** A shorter script that does the same. */
export function shorten(source: string, renames: Renames = new Map()): string {
  let made = "";
  for (let at = 0; at < source.length; ) {
    const here = source[at] ?? "";
    const end = verbatimEnd(source, at, made);
    if (end > at) {
      made += source.slice(at, end);
      at = end;
    } else if (source.startsWith("//", at)) {
      at = endOf(source, at, "\n") - 1;
    } else if (source.startsWith("/*", at)) {
      at = endOf(source, at + 2, "*/");
    } else if (BLANK.test(here)) {
      let next = at + 1;
      while (BLANK.test(source[next] ?? "")) next += 1;
      made += gap(made.at(-1) ?? "", source, at, next);
      at = next;
    } else if (SPACED.test(here)) {
      const [word = here] = /^[\w$]+/.exec(source.slice(at, at + WORD_MAX)) ?? [];
      made += wordOf(word, made, source[at + word.length] ?? "", renames);
      at += word.length;
    } else {
      // A semicolon or comma before the end of its list says nothing.
      if (/[)\]}]/.test(here)) made = made.replace(here === "}" ? /[;,]$/ : /,$/, "");
      made += here;
      at += 1;
    }
  }
  return made;
}

/** A word in its place: of an object after a dot and before a colon it is a name of others. */
function wordOf(word: string, before: string, after: string, renames: Renames): string {
  if (before.endsWith(".") && !before.endsWith("...")) return word;
  if (word === "const") return "let";
  return after === ":" ? word : (renames.get(word) ?? word);
}

/** What is left of blanks: nothing beside a sign, a line's end where a statement may end, else a space. */
function gap(before: string, source: string, from: number, to: number): string {
  const after = source[to] ?? "";
  const hasLine = source.slice(from, to).includes("\n");
  if (hasLine && before === "}" && !/[)\]},;.:?]/.test(after)) return "\n";
  // `a + +b` is no `a++b`.
  if (/[+-]/.test(before) && /[+-]/.test(after)) return " ";
  return SPACED.test(before) && SPACED.test(after) ? " " : "";
}

/** End of a text or pattern that begins here, which is kept as it is; `at` when none does. */
function verbatimEnd(source: string, at: number, made: string): number {
  const mark = source[at] ?? "";
  if (mark === '"' || mark === "'" || mark === "`") return closing(source, at, mark);
  const next = source[at + 1];
  const isPattern = mark === "/" && next !== "/" && next !== "*" && BEFORE_PATTERN.test(made);
  return isPattern ? closing(source, at, mark) : at;
}

function closing(source: string, from: number, mark: string): number {
  let isClass = false;
  for (let at = from + 1; at < source.length; at += 1) {
    const here = source[at];
    if (here === "\\") at += 1;
    else if (mark === "`" && source.startsWith("${", at)) at = braceEnd(source, at + 2);
    else if (here === mark && !isClass) return at + 1;
    else if (mark === "/") isClass = here === "[" || (isClass && here !== "]");
  }
  return source.length;
}

/** The brace that closes what is filled into a template; texts within may hold braces. */
function braceEnd(source: string, from: number): number {
  let depth = 1;
  for (let at = from; at < source.length; at += 1) {
    const here = source[at] ?? "";
    if (/["'`]/.test(here)) at = closing(source, at, here) - 1;
    else if (here === "{") depth += 1;
    else if (here === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return source.length;
}

function endOf(source: string, from: number, mark: string): number {
  const at = source.indexOf(mark, from);
  return at < 0 ? source.length : at + mark.length;
}
