// `${NAME}` in files of agents: what the operator named, CLIENT_ID and AGENT_NAME, and nothing else of the server's
// environment. Keys are left as they are, and `$${NAME}` is the text `${NAME}`.

import type { Path } from "../references.ts";

const REFERENCE = /\$(\$\{[A-Za-z_][A-Za-z0-9_]*\})|\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Values by name; null: it may be used, and has none. */
export type Variables = Readonly<Record<string, string | null>>;

/** The value with variables in the place of their references. @param wrong told of each that has no value. */
export function substituted(
  value: unknown,
  path: Path,
  variables: Variables,
  wrong: (path: Path, said: string) => void,
): unknown {
  if (typeof value === "string") {
    return value.replaceAll(REFERENCE, (_, escaped: string | undefined, name: string) => {
      if (escaped !== undefined) return escaped;
      const found = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (found === undefined) wrong(path, notNamed(name, variables));
      if (found === null) wrong(path, notSet(name));
      return found ?? "";
    });
  }
  if (Array.isArray(value)) {
    return value.map((one, at) => substituted(one, [...path, at], variables, wrong));
  }
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, one]) => [
    name,
    substituted(one, [...path, name], variables, wrong),
  ]);
  return Object.fromEntries(members);
}

function notNamed(name: string, variables: Variables): string {
  const named = Object.keys(variables).join(", ");
  return `\${${name}} is not substituted: add ${name} to yaml_variables in troupe.yaml. Named are: ${named}`;
}

function notSet(name: string): string {
  return name === "CLIENT_ID"
    ? "CLIENT_ID has no value: set agents.client_id in troupe.yaml, or the environment variable CLIENT_ID"
    : `there is no environment variable ${name}`;
}
