// The event reader, at every place a network may cut its bytes.

import fc from "fast-check";
import { expect, test } from "vitest";
import { SseReader } from "../../../adapters/llm/sse-reader.ts";

function read(pieces: readonly Buffer[]): string[] {
  const events: string[] = [];
  const reader = new SseReader((event, data) => events.push(`${event}|${data}`));
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return events;
}

const readText = (text: string) => read([Buffer.from(text)]);

test.each([
  ["data: a\n\ndata: b\n\n", ["|a", "|b"]],
  ["data: a\r\n\r\ndata: b\r\n\r\n", ["|a", "|b"]],
  ["data: a\r\rdata: b\r\r", ["|a", "|b"]],
  ["data: a\r\n\ndata: b\n\r\n", ["|a", "|b"]],
  ["\uFEFFdata: a\n\n", ["|a"]],
  ["data: \uFEFFa\n\n", ["|\uFEFFa"]],
  ["event: x\ndata: 1\ndata: 2\ndata\ndata:\n\n", ["x|1\n2\n\n"]],
  [": ping\n\n:\n\ndata:no space\ndata:  two\n\n", ["|no space\n two"]],
  ["id: 7\nretry: 10\nevent: lonely\n\ndata: a\n\n", ["|a"]],
  ["dataset: x\n\ndat: y\n\ndata: a\n\n", ["|a"]],
  ["data: no end", ["|no end"]],
  ["", []],
  ["data: 😀 “ü”\n\n", ["|😀 “ü”"]],
])("reads %j", (text, events) => {
  expect(readText(text)).toEqual(events);
});

const part = fc.constantFrom(
  ...[
    "data",
    "event",
    ":",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\uFEFF",
    "😀",
    "ü",
    "x",
    "{}",
    "[DONE]",
  ],
);

test("any stream gives the same events however its bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), fc.infiniteStream(fc.nat(5)), (parts, cuts) => {
      const bytes = Buffer.from(parts.join(""));
      const whole = read([bytes]);
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const length = cuts.next().value ?? 1;
        pieces.push(bytes.subarray(at, at + length));
        at += length;
      }

      expect(read(pieces)).toEqual(whole);
    }),
    { numRuns: 500 },
  );
});

test("a stream cut in two at each of its bytes, and into single bytes, stays the same", () => {
  const text = "\uFEFF: hi\r\nevent: ü\r\ndata: 😀 one\r\ndata: two\r\n\r\ndata: [DONE]\n\n";
  const bytes = Buffer.from(text);
  const whole = read([bytes]);

  for (let at = 0; at <= bytes.length; at += 1) {
    expect(read([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
  }
  expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole);
  expect(whole).toEqual(["ü|😀 one\ntwo", "|[DONE]"]);
});

test("a line without an end is refused at its limit", () => {
  const reader = new SseReader(() => {});
  const piece = Buffer.alloc(3 * 1024 * 1024, 97);

  reader.push(piece);
  reader.push(piece);

  expect(() => reader.push(piece)).toThrow("8388608");
});

test("an event of many lines is refused at its limit", () => {
  const reader = new SseReader(() => {});
  const line = Buffer.from(`data: ${"a".repeat(1024 * 1024)}\n`);

  const pushAll = () => {
    for (let at = 0; at < 9; at += 1) reader.push(line);
  };

  expect(pushAll).toThrow("8388608");
});
