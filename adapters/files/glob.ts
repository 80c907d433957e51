// Globs as patterns of RE2: linear in the path, whatever somebody wrote. `*` and `?` stay within a name, `**` goes
// over folders, `[a-z]` and `{a,b}` as in a shell; one without a slash is for names in any folder.

import { type LinearPattern, linearPattern } from "../../actors/linear-pattern.ts";
import { RuntimeError } from "../../runtime/errors.ts";

const CHARS_MAX = 200;
const GROUPS_MAX = 8;
const SPECIAL = /[\\^$.|?*+()[\]{}]/;

/** Whether a path, written with slashes, fits. `loadLinearPatterns` is awaited before. @throws INVALID. */
export function globOf(glob: string): (path: string) => boolean {
  if (glob.length > CHARS_MAX) throw invalid(`A glob has at most ${CHARS_MAX} characters.`);
  const anywhere = glob.includes("/") ? "" : "(?:.*/)?";
  const pattern = compiled(`(?s)^${anywhere}${sourceOf(glob.replace(/^\/+/, ""))}$`);
  return (path) => pattern.matcher(path).matches();
}

function compiled(source: string): LinearPattern {
  try {
    return linearPattern(source);
  } catch (cause) {
    throw invalid("The glob cannot be read.", cause);
  }
}

function sourceOf(glob: string): string {
  let source = "";
  let open = 0;
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob[at] ?? "";
    const range = char === "[" ? /^\[(!?)([^\]/]+)\]/.exec(glob.slice(at)) : null;
    if (glob.startsWith("**/", at)) {
      source += "(?:.*/)?";
      at += 2;
    } else if (glob.startsWith("**", at)) {
      source += ".*";
      at += 1;
    } else if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (range !== null) {
      source += `[${range[1] === "!" ? "^/" : ""}${(range[2] ?? "").replace(/[\\^[]/g, "\\$&")}]`;
      at += range[0].length - 1;
    } else if (char === "{") {
      open += 1;
      if (open > GROUPS_MAX)
        throw invalid(`A glob has at most ${GROUPS_MAX} groups inside each other.`);
      source += "(?:";
    } else if (char === "}" && open > 0) {
      open -= 1;
      source += ")";
    } else if (char === "," && open > 0) source += "|";
    else source += SPECIAL.test(char) ? `\\${char}` : char;
  }
  if (open > 0) throw invalid("The glob has a { without its }.");
  return source;
}

function invalid(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: "/glob" }, { cause });
}
