// The request of one call of an operation. Whatever a model writes stays the part that it was meant for: a value in a
// path is one part of it, one in a query one pair, one in a header one line.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { Arguments } from "../tools/tool.ts";
import type { ApiBody, ApiOperation, ApiParameter } from "./api.ts";

/** What is sent. */
export interface ApiRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Characters of an address. */
const URL_CHARS = 8_000;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

type Pair = readonly [string, string];

/** @param boundary of a multipart body: nothing that is sent may hold it. @throws INVALID with the argument's pointer. */
export function apiRequest(of: ApiOperation, given: Arguments, boundary: string): ApiRequest {
  const asked = of.given.filter(({ argument }) => given[argument] !== undefined);
  const where = (place: ApiParameter["in"]) => asked.filter((one) => one.in === place);
  const path = of.path.replaceAll(/\{([^{}]+)\}/g, (_place, name: string) => {
    const one = where("path").find((parameter) => parameter.name === name);
    if (one === undefined) throw invalid(`The path needs ${name}.`, "");
    return inPath(one, given[one.argument]);
  });
  const query = where("query").flatMap((one) => inQuery(one, given[one.argument]));
  const text = query.map(([name, value]) => `${encoded(name)}=${value}`).join("&");
  const url = `${of.server}${path}${text === "" ? "" : `?${text}`}`;
  checkUrl(url, of.server);
  const headers: Record<string, string> = {};
  for (const one of where("header"))
    headers[one.name.toLowerCase()] = inHeader(one, given[one.argument]);
  const cookies = where("cookie").flatMap((one) => inQuery(one, given[one.argument]));
  if (cookies.length > 0) headers["cookie"] = cookies.map((pair) => pair.join("=")).join("; ");
  const value = of.body === null ? undefined : given[of.body.argument];
  if (of.body === null || value === undefined) return { url, method: of.method, headers };
  const { type, body } = bodyOf(of.body, value, boundary);
  if (body.length > limits.webBodyChars) {
    throw invalid(`A body has at most ${limits.webBodyChars} characters.`, `/${of.body.argument}`);
  }
  return { url, method: of.method, headers: { ...headers, "content-type": type }, body };
}

/** What is put together is still below the address of the server. */
function checkUrl(url: string, server: string): void {
  if (url.length > URL_CHARS) throw invalid(`An address has at most ${URL_CHARS} characters.`, "");
  const [own, base] = [URL.canParse(url) ? new URL(url) : null, new URL(server)];
  const below = base.pathname.replace(/\/+$/, "");
  if (own?.origin === base.origin && own.pathname.startsWith(`${below}/`)) return;
  throw invalid("The arguments lead to another place than the operation's.", "");
}

function inPath(parameter: ApiParameter, value: unknown): string {
  const { name, style, explode, argument } = parameter;
  const part = (one: unknown): string => {
    const text = textOf(one);
    // "." and ".." would lead elsewhere, and nothing to another operation.
    if (/^\.{0,2}$/.test(text)) throw invalid(`"${text}" cannot stand in a path.`, `/${argument}`);
    return encoded(text);
  };
  const join = (between: string, label: string) => {
    const entries = entriesOf(value);
    if (entries !== null) {
      const pairs = entries.map(
        ([key, one]) => `${encoded(key)}${explode ? "=" : ","}${part(one)}`,
      );
      return pairs.join(explode ? between : ",");
    }
    const all = Array.isArray(value) ? value.map(part) : [part(value)];
    return all.map((one) => `${label}${one}`).join(explode ? between : ",");
  };
  switch (style) {
    case "label":
      return `.${join(".", "")}`;
    case "matrix": {
      const isObject = entriesOf(value) !== null;
      if (explode) return `;${join(";", isObject ? "" : `${encoded(name)}=`)}`;
      return `;${encoded(name)}=${join(",", "")}`;
    }
    case "json":
      return encoded(JSON.stringify(value) ?? "");
    default: {
      const text = join(",", "");
      if (text === "") throw invalid("Nothing cannot stand in a path.", `/${argument}`);
      return text;
    }
  }
}

/** Values are encoded. */
function inQuery({ name, style, explode }: ApiParameter, value: unknown): readonly Pair[] {
  const entries = entriesOf(value);
  if (style === "json") return [[name, encoded(JSON.stringify(value) ?? "")]];
  if (style === "deepObject" && entries !== null) {
    return entries.map(([key, one]) => [`${name}[${key}]`, encoded(textOf(one))]);
  }
  if (entries !== null) {
    if (explode) return entries.map(([key, one]) => [key, encoded(textOf(one))]);
    return [
      [
        name,
        entries
          .flat()
          .map((one) => encoded(textOf(one)))
          .join(","),
      ],
    ];
  }
  if (!Array.isArray(value)) return [[name, encoded(textOf(value))]];
  const all = value.map((one) => encoded(textOf(one)));
  if (explode) return all.map((one) => [name, one]);
  const between = { spaceDelimited: "%20", pipeDelimited: "%7C" }[style as string] ?? ",";
  return [[name, all.join(between)]];
}

function inHeader({ argument, style, explode }: ApiParameter, value: unknown): string {
  const entries = style === "json" ? null : entriesOf(value);
  const text =
    style === "json"
      ? (JSON.stringify(value) ?? "")
      : entries !== null
        ? entries.map(([key, one]) => `${key}${explode ? "=" : ","}${textOf(one)}`).join(",")
        : Array.isArray(value)
          ? value.map(textOf).join(",")
          : textOf(value);
  if (VALUE.test(text) && text.length <= limits.webHeaderChars) return text;
  const most = limits.webHeaderChars;
  const said = `A header is one line of at most ${most} characters of Latin-1.`;
  throw invalid(said, `/${argument}`);
}

function bodyOf({ kind, mediaType, argument }: ApiBody, value: unknown, boundary: string) {
  const pointer = `/${argument}`;
  switch (kind) {
    case "json":
      return { type: mediaType, body: JSON.stringify(value) ?? "null" };
    case "text":
      return { type: mediaType, body: textOf(value) };
    case "form": {
      const form = new URLSearchParams();
      for (const [name, one] of fieldsOf(value, pointer)) {
        for (const each of Array.isArray(one) ? one : [one]) form.append(name, textOf(each));
      }
      return { type: "application/x-www-form-urlencoded", body: form.toString() };
    }
    case "multipart": {
      const parts = fieldsOf(value, pointer).flatMap(([name, one]) =>
        (Array.isArray(one) ? one : [one]).map((each: unknown) => partOf(name, each)),
      );
      const body = `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("")}--${boundary}--\r\n`;
      if (parts.some((part) => part.includes(boundary))) {
        throw invalid("The body holds the mark between its parts.", pointer);
      }
      return { type: `multipart/form-data; boundary=${boundary}`, body };
    }
  }
}

/** A field; its name cannot end the line that it stands in (WHATWG's way to write such names). */
function partOf(name: string, value: unknown): string {
  const shown = name.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
  const isPlain = typeof value !== "object" || value === null;
  const type = isPlain ? "" : "\r\nContent-Type: application/json";
  return `Content-Disposition: form-data; name="${shown}"${type}\r\n\r\n${textOf(value)}`;
}

function fieldsOf(value: unknown, pointer: string): readonly (readonly [string, unknown])[] {
  const entries = entriesOf(value);
  if (entries !== null) return entries;
  throw invalid("A form is an object: its members are the fields.", pointer);
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return Object.entries(value);
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");

function encoded(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw invalid("A text holds half a character.", "");
  const sign = (one: string): string => `%${one.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, sign);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
