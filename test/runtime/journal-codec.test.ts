// Log entries as they are stored.

import { expect, test } from "vitest";
import { decodeChunk, encodeChunk } from "../../runtime/runs/journal-codec.ts";
import type { LogEntry } from "../../runtime/runs/log-entry.ts";
import { encode } from "../../runtime/store/codec.ts";

const root = "rn_01m7z3a6rejb7f09yr0pexhz3d";
const child = `${root}.1`;
const error = { code: "DEADLINE", message: "Late." } as const;

const entries: readonly LogEntry[] = [
  { type: "child", run: child, parent: root, key: "a", kind: "part", deadlineMs: 5, input: null },
  { type: "child", run: `${child}.1`, parent: child, key: "b", kind: "p", deadlineMs: 5, input: 1 },
  { type: "try", run: root, key: "sleep", attempt: 1, untilMs: 7 },
  { type: "try", run: root, key: "pay", attempt: 2 },
  { type: "try", run: root, key: "ask", attempt: 1, sent: "f" },
  { type: "try", run: child, key: "decided", attempt: 1, untilMs: 7, sinceMs: 3 },
  { type: "step", run: child, key: "decided", attempt: 1, print: "", result: "yes", atMs: 4 },
  { type: "failed", run: child, key: "late", attempt: 1, print: "", error, atMs: 9 },
  { type: "at-end", run: root, key: "bye", to: "desk:tn_1/d", message: { bye: 1 }, unless: "ok" },
  { type: "at-end", run: child, key: "bye", to: "desk:tn_1/d", message: null },
  { type: "end", run: child, outcome: { status: "completed", result: 1 }, atMs: 8 },
  { type: "step", run: child, key: "s", attempt: 1, print: "p", result: { text: "t" } },
  { type: "step", run: child, key: "m", attempt: 1, print: "", result: undefined, streamed: true },
  { type: "failed", run: root, key: "f", attempt: 3, print: "", error },
  { type: "event", run: root, key: "e", event: { type: "routing" } },
  { type: "cancel", run: root, reason: "enough" },
  { type: "steer", run: root, value: ["left"] },
  { type: "decide", run: root, key: "ok", value: true },
  { type: "resumed", run: root, incarnation: 2 },
  { type: "resumed", run: root, incarnation: 3, mark: "8z" },
  { type: "forked", run: root },
  { type: "end", run: root, outcome: { status: "failed", error } },
];

test("every type of entry is read as it was written", () => {
  expect(decodeChunk(encodeChunk(entries), root)).toStrictEqual(entries);
});

test("every type of entry keeps its times, which take few bytes", () => {
  const timed = entries.map((entry, at) => ({
    ...{ ...entry, afterMs: at * 5 },
    ...(at > 0 && { tookMs: at }),
  }));

  const bytes = encodeChunk(timed);

  expect(decodeChunk(bytes, root)).toStrictEqual(timed);
  expect(bytes.length - encodeChunk(entries).length).toBeLessThan(4 * entries.length);
});

test("a chunk is less than two thirds of its entries as they are", () => {
  expect(encodeChunk(entries).length).toBeLessThan(0.66 * encode(entries).length);
});
