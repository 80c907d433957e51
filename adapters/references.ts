// References to environment variables in files that people write: `${NAME}`, and `${NAME:-what it is without}`.

/** A place in a document: the path to it. */
export type Path = readonly (string | number)[];

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** The value with variables in the place of their references; what is not set is said. */
export function filled(
  value: unknown,
  path: Path,
  env: Readonly<Record<string, string | undefined>>,
  wrong: (path: Path, said: string) => void,
): unknown {
  if (typeof value === "string") {
    return value.replaceAll(REFERENCE, (_, name: string, otherwise: string | undefined) => {
      const found = env[name] ?? otherwise;
      if (found === undefined) wrong(path, `there is no environment variable ${name}`);
      return found ?? "";
    });
  }
  if (Array.isArray(value)) return value.map((one, at) => filled(one, [...path, at], env, wrong));
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, one]) => [
    name,
    filled(one, [...path, name], env, wrong),
  ]);
  return Object.fromEntries(members);
}

/** The path that a JSON pointer names. */
export function pathOf(pointer: string): Path {
  const parts = pointer.split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}
