// Objects of a pack name each other by the names that they have in it: `{ref: NAME}` stands where a
// record has an id, and where it has a version of another: the one that the pack makes. A sub-agent's
// name is that of its agent and its own, "desk/billing".

type Fields = Readonly<Record<string, unknown>>;

/** A place where an object names another. */
export interface Reference {
  readonly name: string;
  /** Within the object. */
  readonly pointer: string;
}

/** Names that a value refers to. */
export function referencesIn(value: unknown, pointer = ""): readonly Reference[] {
  if (typeof value !== "object" || value === null) return [];
  const name = nameIn(value);
  if (name !== undefined) return [{ name, pointer: `${pointer}/ref` }];
  return Object.entries(value).flatMap(([member, inner]) =>
    referencesIn(inner, `${pointer}/${escaped(member)}`),
  );
}

/** Members whose value is the number of a version. */
const versions = ["version", "prompt_version"];

/** What a reference becomes: undefined leaves it as it is. */
export interface Named {
  idOf(name: string): string | undefined;
  versionOf(name: string): number | undefined;
}

/** The value with an id, or a version, wherever it names an object. */
export function withIds(value: unknown, named: Named, member = ""): unknown {
  if (typeof value !== "object" || value === null) return value;
  const name = nameIn(value);
  if (name !== undefined) {
    return (versions.includes(member) ? named.versionOf(name) : named.idOf(name)) ?? value;
  }
  if (Array.isArray(value)) return value.map((inner) => withIds(inner, named));
  const members = Object.entries(value).map(([inner, one]) => [inner, withIds(one, named, inner)]);
  return Object.fromEntries(members);
}

/** The other way: `{ref: NAME}` wherever a text is an id that has a name. */
export function withNames(value: unknown, nameOf: (id: string) => string | undefined): unknown {
  if (typeof value === "string") {
    const name = nameOf(value);
    return name === undefined ? value : { ref: name };
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((inner) => withNames(inner, nameOf));
  const members = Object.entries(value).map(([member, inner]) => [
    member,
    withNames(inner, nameOf),
  ]);
  return Object.fromEntries(members);
}

function nameIn(value: object): string | undefined {
  const { ref } = value as Fields;
  return typeof ref === "string" && Object.keys(value).length === 1 ? ref : undefined;
}

function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
