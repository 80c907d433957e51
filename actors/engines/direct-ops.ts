// Engines of type `direct_ops`: commands that the operator declares, with typed arguments. What a model sends fills
// places of a command line; it never adds, splits or ends an element of it.

import { RuntimeError } from "../../runtime/errors.ts";
import { type Static, Type } from "../schema.ts";
import {
  type ArgumentSpec,
  argumentSpec,
  checkSpec,
  pathFault,
  schemaOf,
  textOf,
} from "./argument.ts";
import { checkVariables, workLimits } from "./target-config.ts";

/** Limits of commands. */
const COMMANDS_MAX = 50;
const ELEMENTS_MAX = 100;
const ARGUMENTS_MAX = 30;
/** What a model sends for standard input, characters. */
const STDIN_CHARS = 200_000;

const closed = { additionalProperties: false } as const;
const name = Type.String({ pattern: "^[a-z][a-z0-9_]{0,47}$" });

/** An element that comes from an argument; left out where that is not given, or false. */
const fromArgument = Type.Object(
  {
    arg: name,
    /** An element before the value; of a boolean in its place. */
    flag: Type.Optional(Type.String({ pattern: "^-", maxLength: 100 })),
    /** Before the value, in the same element. */
    prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  closed,
);

const command = Type.Object(
  {
    name,
    description: Type.String({ minLength: 1, maxLength: 4_000 }),
    /** The program and its arguments: texts as they stand, and places of arguments. */
    argv: Type.Array(Type.Union([Type.String({ maxLength: 8_000 }), fromArgument]), {
      minItems: 1,
      maxItems: ELEMENTS_MAX,
    }),
    arguments: Type.Optional(
      Type.Record(Type.String(), argumentSpec, { maxProperties: ARGUMENTS_MAX }),
    ),
    required: Type.Optional(Type.Array(name, { maxItems: ARGUMENTS_MAX, uniqueItems: true })),
    /** Of standard input: a text as it stands, or an argument of type string. */
    stdin: Type.Optional(
      Type.Union([Type.String({ maxLength: 32_000 }), Type.Object({ arg: name }, closed)]),
    ),
    variables: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: workLimits.variableChars }), {
        maxProperties: workLimits.variables,
      }),
    ),
    /** Below the target's folder. Default: that. */
    folder: Type.Optional(Type.String({ minLength: 1, maxLength: workLimits.pathChars })),
    /** Which say that it went well. Default 0. */
    exit_codes: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0, maximum: 255 }), { minItems: 1, maxItems: 50 }),
    ),
    /** What it writes. Default `text`. */
    output: Type.Optional(Type.Union([Type.Literal("text"), Type.Literal("json")])),
    /** No more than the target has. */
    output_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: workLimits.outputBytesMax })),
    timeout_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: workLimits.timeoutMsMax })),
    /** Whether one that may have run is run again. Default never. */
    repeat: Type.Optional(Type.Union([Type.Literal("safe"), Type.Literal("never")])),
  },
  closed,
);

/** `config` of such an engine. */
export const directOpsConfig = Type.Object(
  { commands: Type.Array(command, { minItems: 1, maxItems: COMMANDS_MAX }) },
  closed,
);

/** One declared command. */
export type DeclaredCommand = Static<typeof command>;
/** `config` of such an engine. */
export type DirectOpsConfig = Static<typeof directOpsConfig>;

/** What no schema can say. @throws INVALID with the pointer within `config`. */
export function checkDirectOps({ commands }: DirectOpsConfig): void {
  for (const [at, one] of commands.entries()) {
    const pointer = `/commands/${at}`;
    if (commands.findIndex((other) => other.name === one.name) !== at) {
      throw invalid(`There is another command ${one.name}.`, `${pointer}/name`);
    }
    checkCommand(one, pointer);
  }
}

function checkCommand(one: DeclaredCommand, pointer: string): void {
  const { argv, arguments: specs = {}, required = [], stdin, variables, folder } = one;
  for (const [own, spec] of Object.entries(specs)) {
    if (!/^[a-z][a-z0-9_]{0,47}$/.test(own)) {
      const text = `"${own.slice(0, 50)}" is no name of an argument: small letters, digits and "_".`;
      throw invalid(text, `${pointer}/arguments`);
    }
    checkSpec(spec, `${pointer}/arguments/${own}`);
  }
  const known = (arg: string, place: string): ArgumentSpec => {
    const spec = Object.hasOwn(specs, arg) ? specs[arg] : undefined;
    if (spec !== undefined) return spec;
    throw invalid(`There is no argument ${arg}.`, place);
  };
  const [program] = argv;
  if (typeof program !== "string" || program === "" || program.startsWith("-")) {
    throw invalid("The program is a text as it stands.", `${pointer}/argv/0`);
  }
  for (const [at, element] of argv.entries()) {
    const place = `${pointer}/argv/${at}`;
    if (typeof element === "string") {
      if (element.includes("\0")) throw invalid("No NUL character may stand here.", place);
      continue;
    }
    const { type } = known(element.arg, `${place}/arg`);
    if (type === "boolean" && (element.flag === undefined || element.prefix !== undefined)) {
      throw invalid("A boolean is a flag that is there or not.", place);
    }
    if (element.flag !== undefined && element.prefix !== undefined) {
      throw invalid("An element has either a flag before it or a prefix.", `${place}/prefix`);
    }
  }
  for (const [at, arg] of required.entries()) known(arg, `${pointer}/required/${at}`);
  if (typeof stdin === "object" && known(stdin.arg, `${pointer}/stdin/arg`).type !== "string") {
    throw invalid("Standard input is a text.", `${pointer}/stdin/arg`);
  }
  checkVariables(variables, `${pointer}/variables`);
  const fault = folder === undefined ? null : pathFault(folder);
  if (fault !== null) throw invalid(`folder ${fault}.`, `${pointer}/folder`);
}

/** JSON Schema of a command's arguments. */
export function parametersOf(of: DeclaredCommand): Readonly<Record<string, unknown>> {
  const { arguments: specs = {}, required = [], stdin } = of;
  const properties = Object.entries(specs).map(([own, spec]) => {
    const isStdin = typeof stdin === "object" && stdin.arg === own;
    const long = isStdin && spec.max_length === undefined ? { maxLength: STDIN_CHARS } : {};
    return [own, { ...schemaOf(spec), ...long }];
  });
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    required,
    additionalProperties: false,
  };
}

/** An element of a command line: a text, or a path below a folder that is looked at where it is used. */
export type Element =
  | string
  | { readonly before: string; readonly under: string; readonly path: string };

/** What is to be run. */
export interface PlannedCommand {
  readonly argv: readonly Element[];
  readonly stdin: string;
}

/** @param given checked by `parametersOf`. @throws INVALID for what must not stand on a command line. */
export function planned(
  of: DeclaredCommand,
  given: Readonly<Record<string, unknown>>,
): PlannedCommand {
  const { arguments: specs = {}, argv, stdin } = of;
  const elements = argv.flatMap((element): readonly Element[] => {
    if (typeof element === "string") return [element];
    const { arg, flag, prefix } = element;
    const value = Object.hasOwn(given, arg) ? given[arg] : undefined;
    const spec = specs[arg];
    if (value === undefined || value === false || spec === undefined) return [];
    const flags = flag === undefined ? [] : [flag];
    if (spec.type === "boolean") return flags;
    const text = textOf(arg, spec, value, prefix === undefined);
    const before = prefix ?? "";
    if (spec.type !== "path") return [...flags, `${before}${text}`];
    return [...flags, { before, under: spec.under ?? ".", path: text }];
  });
  if (typeof stdin !== "object") return { argv: elements, stdin: stdin ?? "" };
  return { argv: elements, stdin: String(given[stdin.arg] ?? "") };
}

const invalid = (message: string, pointer: string): RuntimeError =>
  new RuntimeError("INVALID", message, { pointer });
