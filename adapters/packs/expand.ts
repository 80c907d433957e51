// What a pack's file leaves open is filled in: `${{ parameters.x }}` by what is given at apply, whole or
// within a text, `{secret: env:NAME}` by secrets that came with the request. `$${{` is a literal `${{`.

import type { Problems } from "./problems.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What is filled in. */
export interface Given {
  readonly parameters: Fields;
  readonly secrets: Readonly<Record<string, string>>;
  /** Stands for a secret that was not sent: what is stored stays. */
  readonly keep: string;
}

const WHOLE = /^\$\{\{([^{}]*)\}\}$/;
const PART = /\$\$\{\{|\$\{\{([^{}]*)\}\}/g;
const NAME = /^parameters\.([A-Za-z_][A-Za-z0-9_]{0,63})$/;
const SECRET = /^env:([A-Za-z_][A-Za-z0-9_]{0,127})$/;

/** A value with everything filled in. `missing` is told of the secrets that were not sent. */
export function expand(
  value: unknown,
  given: Given,
  {
    problems,
    pointer,
    missing,
  }: {
    readonly problems: Problems;
    readonly pointer: string;
    readonly missing: Set<string>;
  },
): unknown {
  const at = (inner: unknown, name: string | number): unknown =>
    expand(inner, given, { problems, missing, pointer: `${pointer}/${escaped(String(name))}` });
  if (typeof value === "string") return filled(value, given, problems, pointer);
  if (Array.isArray(value)) return value.map(at);
  if (typeof value !== "object" || value === null) return value;
  const secret = secretIn(value);
  if (secret === undefined) {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, at(one, name)]));
  }
  const [, name = ""] = SECRET.exec(secret) ?? [];
  if (name === "") {
    problems.add(`${pointer}/secret`, 'A secret is named as "env:NAME".');
    return given.keep;
  }
  const sent = Object.hasOwn(given.secrets, name) ? given.secrets[name] : undefined;
  if (sent === undefined) missing.add(name);
  return sent ?? given.keep;
}

/** Names of the secrets that a value refers to. */
export function secretsIn(value: unknown, found: Set<string> = new Set()): ReadonlySet<string> {
  if (typeof value !== "object" || value === null) return found;
  const [, name] = SECRET.exec(secretIn(value) ?? "") ?? [];
  if (name !== undefined) found.add(name);
  for (const inner of Object.values(value)) secretsIn(inner, found);
  return found;
}

/** What a value names as a secret, if it does. */
export function secretIn(value: object): string | undefined {
  const { secret } = value as { readonly secret?: unknown };
  return typeof secret === "string" && Object.keys(value).length === 1 ? secret : undefined;
}

function filled(text: string, given: Given, problems: Problems, pointer: string): unknown {
  const parameterOf = (written: string): unknown => {
    const expression = written.trim();
    const [, name = ""] = NAME.exec(expression) ?? [];
    if (name !== "" && Object.hasOwn(given.parameters, name)) return given.parameters[name];
    const known = Object.keys(given.parameters).join(", ");
    const there = known === "" ? "this pack has none" : `there are: ${known}`;
    const text = `"${expression.slice(0, 100)}" is no parameter (${there}); $\${{ is a literal \${{.`;
    problems.add(pointer, text);
    return "";
  };
  const whole = WHOLE.exec(text);
  if (whole !== null) return parameterOf(whole[1] ?? "");
  return text.replace(PART, (_all, expression: string | undefined) => {
    if (expression === undefined) return "${{";
    const value = parameterOf(expression);
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}

/** A text as it is written in a file so that it is read as it is. */
export function literal(text: string): string {
  return text.replaceAll("${{", "$${{".replaceAll("$", "$$$$"));
}

function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
