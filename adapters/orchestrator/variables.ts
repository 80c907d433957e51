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
      if (found != null && isSecret(name) && !isKept(path)) wrong(path, shown(name));
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

/** The same, with names of variables in the place of their values: it is told to tenants and to the log. */
export function withoutValues(text: string, variables: Variables): string {
  const named = Object.entries(variables).filter(([name]) => !plain.has(name));
  return named.reduce(
    (rest, [name, value]) =>
      value !== null && value.length >= VALUE_CHARS
        ? rest.replaceAll(value, () => `\${${name}}`)
        : rest,
    text,
  );
}

/** Of a value that is looked for: shorter ones are in any text. */
const VALUE_CHARS = 4;

/** Those whose values are words of paths, that refusals are clearer with. */
const plain: ReadonlySet<string> = new Set(["CLIENT_ID", "AGENT_NAME"]);

/** What is kept so that nobody reads it again: `secrets` of triggers. */
function isKept([list, , field]: Path): boolean {
  return list === "triggers" && field === "secrets";
}

function isSecret(name: string): boolean {
  return /(?:^|_)(?:KEYS?|TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|CREDENTIALS?)$/i.test(name);
}

function shown(name: string): string {
  return `\${${name}} is not substituted here, where whoever reads the agent would read it: secrets stand in "secrets" of triggers, and in /v2/credentials`;
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
