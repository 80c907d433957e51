// Looks into what a platform has sent: plain JSON of which nothing is believed before it is looked at.

/** An object of JSON. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value if it is an object, else null. */
export function fieldsOf(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : null;
}

/** An object's own member; undefined for another value, and for what every object inherits. */
export function memberOf(value: unknown, name: string): unknown {
  const fields = fieldsOf(value);
  return fields !== null && Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** A text of it, cut to `max` characters; null when there is none or an empty one. */
export function textIn(value: unknown, name: string, max = 1_000): string | null {
  const text = memberOf(value, name);
  return typeof text === "string" && text !== "" ? text.slice(0, max) : null;
}

/** A list of it; empty when there is none. */
export function listIn(value: unknown, name: string): readonly unknown[] {
  const list = memberOf(value, name);
  return Array.isArray(list) ? list : [];
}
