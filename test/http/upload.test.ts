// Bodies of multipart/form-data that no client should send: whatever comes, one request is refused and
// nothing else happens.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { HttpRequest } from "../../adapters/http/server.ts";
import { readUpload } from "../../adapters/http/upload.ts";

const head = "Content-Disposition: form-data; name=";
const body = [
  "--edge",
  `${head}"id"`,
  "",
  "one",
  "--edge",
  `${head}"file"; filename="a.txt"`,
  "Content-Type: text/plain",
  "",
  "the first file",
  "--edge",
  `${head}"file"; filename="b.txt"`,
  "",
  "the second file",
  "--edge--",
  "",
].join("\r\n");

const request = {
  header: (name: string) =>
    name === "content-type" ? "multipart/form-data; boundary=edge" : undefined,
} as HttpRequest;

const outcome = (bytes: Uint8Array): Promise<string> =>
  readUpload(request, bytes).then(
    (sources) => sources.map((source) => Buffer.from(source.bytes).toString()).join(", "),
    (error: { readonly code?: string }) => String(error.code ?? error),
  );

/** What a parser throws beside its reader: nobody catches it, and it ends a server. */
const beside: unknown[] = [];
const note = (error: unknown): void => void beside.push(error);
beforeAll(() => void process.on("uncaughtException", note));
afterAll(() => void process.off("uncaughtException", note));
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(beside.splice(0)).toEqual([]);
});

test("an upload that is cut off anywhere is refused, or has all of its files", async () => {
  const bytes = Buffer.from(body);
  const outcomes = new Map<string, number>();
  for (let length = 0; length <= bytes.byteLength; length += 1) {
    const came = await outcome(bytes.subarray(0, length));
    outcomes.set(came, (outcomes.get(came) ?? 0) + 1);
  }
  expect([...outcomes.keys()]).toEqual(["INVALID", "the first file, the second file"]);
});

test("an upload with a byte of its framing damaged is refused or read, and nothing is thrown beside", async () => {
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.byteLength; at += 1) {
    const damaged = Buffer.from(bytes);
    damaged[at] = [0, 0x0a, 0xff][at % 3] as number;
    expect(typeof (await outcome(damaged))).toBe("string");
  }
});

test("a part with odd heads is refused or read, and nothing is thrown beside", async () => {
  const disposition = (rest: string) => `Content-Disposition: form-data${rest}`;
  const odd = [
    [],
    [disposition("")],
    [disposition("; name=")],
    [disposition('; name="title'), ""],
    [disposition('; name="title"'), "Content-Type: text/plain; charset=none-such"],
    [disposition('; name="title"'), "Content-Type: ; charset=utf-16le"],
    [disposition("; name=\"title\"; filename*=none-such''%e4%zz")],
    [disposition("; filename*=UTF-8''%ff%fe")],
    [disposition('; filename="a.txt"')],
    [disposition('; name="__proto__"')],
    ["Content-Disposition: attachment"],
    [disposition('; name="title"'), "__proto__: x", "constructor: y", ": z", "no colon"],
    Array.from({ length: 3_000 }, (_, number) => `X-${number}: ${number}`),
    [`X: ${"x".repeat(100_000)}`],
  ];
  for (const heads of odd) {
    for (const end of ["\r\n--edge--\r\n", "\r\n--edge\r\n", ""]) {
      const bytes = Buffer.from(["--edge", ...heads, "", `text${end}`].join("\r\n"));
      expect(await outcome(bytes)).toMatch(/^(INVALID|text)$/);
    }
  }
});
