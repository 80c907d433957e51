// Fills `required_parameters` from what the user wrote, by patterns: what the built-in answerer does
// where a model would do it within its answer. Pure; a user's own pattern runs on a linear matcher.

import { linearPattern } from "../linear-pattern.ts";

/** What has been found, and the names still to be asked for. */
export interface CollectedParameters {
  readonly collected: Readonly<Record<string, unknown>>;
  readonly missing: readonly string[];
}

type Schema = Readonly<Record<string, unknown>>;

/** Characters of one text that are looked at. */
const TEXT_CHARS_MAX = 20_000;
/** Properties that are looked for. */
const PROPERTIES_MAX = 100;

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Finds the parameters of a schema in texts. `loadLinearPatterns` was awaited before.
 * @param schema JSON Schema of an object, or a plain map from name to property schema. Without
 * `required` every property is required.
 * @param texts what the user wrote, oldest first: later texts count before earlier ones.
 */
export function collectParameters(schema: Schema, texts: readonly string[]): CollectedParameters {
  const properties = propertiesOf(schema);
  const names = Object.keys(properties).slice(0, PROPERTIES_MAX);
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : names;
  const newestFirst = texts.toReversed().map((text) => text.slice(0, TEXT_CHARS_MAX));
  const found = names.flatMap((name): [string, unknown][] => {
    const value = findValue(name, propertyOf(properties[name]), newestFirst);
    return value === undefined ? [] : [[name, value]];
  });
  const collected = Object.fromEntries(found);
  return { collected, missing: required.filter((name) => !Object.hasOwn(collected, name)) };
}

/** The properties of a schema, or of a plain map from name to property schema. */
export function propertiesOf(schema: Schema): Schema {
  return isObject(schema["properties"]) ? schema["properties"] : plainMap(schema);
}

function plainMap(schema: Schema): Schema {
  const isKeyword = (name: string) =>
    /^(\$.*|type|required|additionalProperties|title|description)$/.test(name);
  return Object.fromEntries(
    Object.entries(schema).filter(([name, value]) => isObject(value) || !isKeyword(name)),
  );
}

/** A property's schema; "string" is understood as { type: "string" }. */
export function propertyOf(value: unknown): Schema {
  return isObject(value) ? value : { type: typeof value === "string" ? value : "string" };
}

/**
 * The value of one property in the texts (first text first), or undefined. The property's type,
 * format, enum, pattern and limits decide what counts; its name, where the type alone does not tell.
 */
export function findValue(name: string, property: Schema, texts: readonly string[]): unknown {
  for (const text of texts) {
    const value = findIn(text, name, property);
    if (value !== undefined && isWithin(value, property)) return value;
  }
  return undefined;
}

function findIn(text: string, name: string, property: Schema): unknown {
  if (Array.isArray(property["enum"])) return findEnum(text, property["enum"]);
  const type = Array.isArray(property["type"]) ? property["type"][0] : property["type"];
  if (type === "boolean") return findBoolean(text, name);
  if (type === "integer" || type === "number") return findNumber(text, name, type === "integer");
  if (type !== "string" && type !== undefined) return undefined;
  if (typeof property["pattern"] === "string") return findPattern(text, property["pattern"]);
  return findString(text, name, String(property["format"] ?? ""));
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// Built from a name or an enum value, both escaped: there is nothing in it to backtrack over.
const wholeWord = (word: string) =>
  new RegExp(`(?<![\\p{L}\\p{N}])${escaped(word)}(?![\\p{L}\\p{N}])`, "iu");

function findEnum(text: string, values: readonly unknown[]): unknown {
  const byLength = [...values].sort((a, b) => String(b).length - String(a).length);
  const forms = (value: unknown) => [String(value), String(value).replace(/[_-]+/g, " ")];
  return byLength.find((value) =>
    forms(value).some((form) => form !== "" && wholeWord(form).test(text)),
  );
}

const yes = /(?<!\p{L})(yes|yeah|yep|sure|ok|okay|true|ja|si|sí|oui|sim|tak|да|是|はい)(?!\p{L})/iu;
const no = /(?<!\p{L})(no|nope|not|false|nein|nicht|non|não|nie|nee|нет|不|いいえ)(?!\p{L})/iu;

// A yes or no counts where it is the message, or stands in a sentence that names the property.
function findBoolean(text: string, name: string): boolean | undefined {
  const shortCharsMax = 24;
  const sentences = text.split(/[.!?\n]+/).filter((one) => one.trim() !== "");
  const about = sentences.find((one) => wordsOf(name).some((word) => wholeWord(word).test(one)));
  const scope = about ?? (text.trim().length <= shortCharsMax ? text : "");
  if (no.test(scope)) return false;
  return yes.test(scope) ? true : undefined;
}

const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .split(/[\s_.-]+/)
    .map((word) => word.toLowerCase())
    .filter((word) => word.length > 1);

const email = /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/u;
const link = /https?:\/\/[^\s<>"']{1,2000}/i;
const phone = /(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]?\(?\d{2,8}\)?){1,5}/;
const amount = /(?<![\p{L}\p{N}.,_-])-?\d{1,15}(?:[.,]\d{1,6})?(?![\p{L}\p{N}_-])/u;
const code =
  /(?<![\p{L}\p{N}])#?((?=[A-Za-z_-]{0,12}\d)[A-Za-z\d][A-Za-z\d_-]{2,40})(?![\p{L}\p{N}@])/u;

// What looks like another kind of value is taken out before bare numbers are looked for.
const withoutOthers = (text: string): string =>
  [
    new RegExp(email, "gu"),
    new RegExp(link, "gi"),
    ...datePatterns.map((one) => new RegExp(one.source, "giu")),
  ].reduce((rest, pattern) => rest.replace(pattern, " "), text);

function findNumber(text: string, name: string, isInteger: boolean): number | undefined {
  const rest = withoutOthers(text);
  const toNumber = (found: string | undefined) => {
    const value = found === undefined ? Number.NaN : Number(found.replace(",", "."));
    return Number.isNaN(value) || (isInteger && !Number.isInteger(value)) ? undefined : value;
  };
  // Nearest to a word of the property's name: "3 seats", "seats: 3".
  const near = wordsOf(name)
    .map((word) => new RegExp(`${escaped(word.replace(/s$/, ""))}s?`, "iu").exec(rest))
    .find((found) => found !== null);
  const all = [...rest.matchAll(new RegExp(amount, "gu"))];
  if (!near) return toNumber(all[0]?.[0]);
  const distance = (match: RegExpExecArray) =>
    match.index > near.index
      ? match.index - near.index - near[0].length
      : near.index - match.index - match[0].length;
  return toNumber(all.sort((a, b) => distance(a) - distance(b))[0]?.[0]);
}

function findPattern(text: string, pattern: string): string | undefined {
  try {
    const bare = pattern.replace(/^\^/, "").replace(/(?<!\\)\$$/, "");
    const matcher = linearPattern(bare).matcher(text);
    return matcher.find() ? (matcher.group() ?? undefined) : undefined;
  } catch {
    // A pattern that the linear matcher cannot express finds nothing here; the model path remains.
    return undefined;
  }
}

function findString(text: string, name: string, format: string): string | undefined {
  const key = wordsOf(name).join(" ");
  if (format === "email" || /\be ?mail\b/.test(key)) return email.exec(text)?.[0];
  if (format.startsWith("uri") || /\b(url|link|website)\b/.test(key)) return link.exec(text)?.[0];
  if (format === "date" || /\b(date|day|datum|fecha)\b/.test(key)) return findDate(text);
  if (/\b(phone|telephone|tel|mobile|telefon)\b/.test(key) || format === "phone")
    return findPhone(text);
  const said = findSaid(text, name);
  if (said !== undefined) return said;
  if (/\bname\b/.test(key)) return findName(text);
  if (/\b(id|number|no|code|order|invoice|ticket|reference|key|nummer)\b/.test(key)) {
    return code.exec(withoutOthers(text))?.[1];
  }
  return undefined;
}

function findPhone(text: string): string | undefined {
  const found = phone.exec(text.replace(new RegExp(email, "gu"), " "))?.[0].trim();
  const digits = found?.replace(/\D/g, "").length ?? 0;
  return digits >= 7 && digits <= 15 ? found : undefined;
}

// "city: Berlin", "my city is Berlin", "Stadt ist Berlin".
function findSaid(text: string, name: string): string | undefined {
  const words = wordsOf(name).map(escaped).join("[\\s_-]+");
  if (words === "") return undefined;
  const told = `(?<![\\p{L}])${words}\\s*(?::|=|\\bis\\b|\\bist\\b|\\best\\b|\\bes\\b)\\s*["']?([^\\n,;.!?"']{1,200})`;
  return new RegExp(told, "iu").exec(text)?.[1]?.trim() || undefined;
}

const nameAfter =
  /(?:my name is|i am called|i'm|i am|this is|ich heiße|ich bin|me llamo|je m'appelle|mi chiamo|nazywam się|ik heet|меня зовут)\s+(\p{Lu}[\p{L}'-]{0,40}(?:\s+\p{Lu}[\p{L}'-]{0,40}){0,3})/iu;

function findName(text: string): string | undefined {
  const found = nameAfter.exec(text)?.[1];
  // The pattern ignores case for its lead-in; a name itself begins with a capital.
  return found !== undefined && /^\p{Lu}/u.test(found) ? found : undefined;
}

const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const datePatterns = [
  /(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})/,
  /(?<day>\d{1,2})\.\s?(?<month>\d{1,2})\.\s?(?<year>\d{4})/,
  /(?<first>\d{1,2})\/(?<second>\d{1,2})\/(?<year>\d{4})/,
  /(?<day>\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?(?<word>[a-z]{3,9})\.?,?\s+(?<year>\d{4})/i,
  /(?<word>[a-z]{3,9})\.?\s+(?<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?<year>\d{4})/i,
] as const;

/** The first date of a text as YYYY-MM-DD. 03/04/2026 is read as month/day unless that is no date. */
function findDate(text: string): string | undefined {
  for (const pattern of datePatterns) {
    const parts = pattern.exec(text)?.groups;
    if (!parts) continue;
    const word = parts["word"]?.toLowerCase().slice(0, 3);
    const first = Number(parts["first"]);
    const isDayFirst = first > 12;
    const month = word
      ? months.indexOf(word) + 1
      : Number(parts["month"] ?? (isDayFirst ? parts["second"] : first));
    const day = Number(parts["day"] ?? (isDayFirst ? first : parts["second"]));
    const date = new Date(Date.UTC(Number(parts["year"]), month - 1, day));
    if (date.getUTCMonth() === month - 1 && date.getUTCDate() === day) {
      return date.toISOString().slice(0, 10);
    }
  }
  return undefined;
}

function isWithin(value: unknown, property: Schema): boolean {
  const limit = (name: string, fallback: number) => Number(property[name] ?? fallback);
  const [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (typeof value === "number")
    return value >= limit("minimum", least) && value <= limit("maximum", most);
  if (typeof value !== "string") return true;
  return value.length >= limit("minLength", 0) && value.length <= limit("maxLength", most);
}
