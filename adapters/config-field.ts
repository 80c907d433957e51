// What a setting can be: the kinds of fields, the types of their values, and short ways to write
// them down. The settings themselves are config-schema.ts.

interface Described {
  /** One sentence for the configuration table. */
  readonly text: string;
  /** Environment variable that sets it; wins over the file. */
  readonly env?: string;
  /** Another one with the same meaning and less weight: the name that others gave it. */
  readonly envToo?: string;
}

/** A whole number from `minimum` to `maximum`. */
export interface IntegerField extends Described {
  readonly type: "integer";
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly unit: string;
  /** How the table words a default that depends on the machine. */
  readonly defaultText?: string;
}

/** A text; `pattern` and `expected` (its wording) narrow it. */
export interface TextField<D extends string | null = string | null> extends Described {
  readonly type: "text";
  readonly default: D;
  readonly charsMax: number;
  readonly pattern?: RegExp;
  readonly expected?: string;
  /** In the file only a reference `${NAME}` to an environment variable is accepted. */
  readonly secret?: boolean;
}

/** One of a few words. */
export interface ChoiceField<T extends string = string> extends Described {
  readonly type: "choice";
  readonly default: T;
  readonly choices: readonly T[];
}

/** True or false. */
export interface FlagField extends Described {
  readonly type: "flag";
  readonly default: boolean;
}

/** A list of texts. */
export interface TextListField extends Described {
  readonly type: "texts";
  readonly default: readonly string[];
  readonly itemsMax: number;
  readonly charsMax: number;
  /** In the file only references `${NAME}` to environment variables are accepted. */
  readonly secret?: boolean;
}

/** Settings under a name of their own. */
export interface GroupField<F extends Fields = Fields> {
  readonly type: "group";
  readonly text: string;
  readonly fields: F;
}

/** A list of entries that each have `fields`; `required` names those without a default. */
export interface EntriesField<F extends Fields = Fields> {
  readonly type: "entries";
  readonly text: string;
  readonly itemsMax: number;
  readonly required: readonly string[];
  readonly fields: F;
}

/** Entries by name, as they stand in the file with variables in the place of their references. */
export type NamedEntries = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What is wrong at a place below a setting. */
export interface EntryFault {
  readonly path: readonly (string | number)[];
  readonly said: string;
}

/** Entries by name whose fields others know; each text in them may refer to variables. */
export interface NamedField {
  readonly type: "named";
  readonly text: string;
  readonly default: NamedEntries;
  readonly itemsMax: number;
  /** Whoever knows their fields. */
  readonly check: (entries: NamedEntries) => Promise<readonly EntryFault[]>;
}

/** Entries of a file before whoever knows their fields has looked at them. */
export interface ReadNamed {
  readonly field: NamedField;
  /** Of the setting, as the file writes it. */
  readonly name: string;
  /** As they stand there: what they mean is put in their place. */
  readonly entries: Record<string, Record<string, unknown>>;
}

/** Any setting. */
export type Field =
  | IntegerField
  | TextField
  | ChoiceField
  | FlagField
  | TextListField
  | GroupField
  | EntriesField
  | NamedField;

/** Settings by their name in code; the file writes `bodyBytesMax` as `body_bytes_max`. */
export type Fields = { readonly [name: string]: Field };

/** Type of a setting's value. */
export type ValueOf<F> = F extends IntegerField
  ? number
  : F extends FlagField
    ? boolean
    : F extends TextListField
      ? readonly string[]
      : F extends ChoiceField<infer T>
        ? T
        : F extends TextField<infer D>
          ? D extends null
            ? string | null
            : string
          : F extends GroupField<infer G>
            ? ValuesOf<G>
            : F extends EntriesField<infer G>
              ? readonly ValuesOf<G>[]
              : F extends NamedField
                ? NamedEntries
                : never;

/** Type of a group's values. */
export type ValuesOf<F> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** A whole number: its default and its limits in one. */
export function integer(
  text: string,
  unit: string,
  [byDefault, minimum, maximum]: readonly [number, number, number],
  more: Pick<IntegerField, "env" | "envToo" | "defaultText"> = {},
): IntegerField {
  return { type: "integer", text, unit, default: byDefault, minimum, maximum, ...more };
}

/** One of these words. */
export function choice<const T extends string>(
  text: string,
  choices: readonly T[],
  byDefault: NoInfer<T>,
  env?: string,
  envToo?: string,
): ChoiceField<T> {
  const variables = { ...(env && { env }), ...(envToo && { envToo }) };
  return { type: "choice", text, choices, default: byDefault, ...variables };
}

/** True or false. */
export function flag(text: string, byDefault: boolean, env: string): FlagField {
  return { type: "flag", text, default: byDefault, env };
}
