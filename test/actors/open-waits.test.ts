// What a run waits for, by its log.

import { expect, test } from "vitest";
import { openWaits } from "../../actors/open-waits.ts";
import type { LogEntry } from "../../runtime/runs/log-entry.ts";

const root = "rn_1";
const wait = (run: string, key: string, sinceMs?: number): LogEntry => ({
  ...{ type: "try", run, key, attempt: 1, untilMs: 90 },
  ...(sinceMs === undefined ? {} : { sinceMs }),
});
const done = (run: string, key: string): LogEntry => ({
  ...{ type: "step", run, key, attempt: 1, print: "", result: null },
});
const error = { code: "DEADLINE", message: "Late." } as const;

test("a wait is open from its begin to its end, its decision, or the end of a run above it", () => {
  const log: readonly LogEntry[] = [
    wait(root, "ask:clerk"),
    wait(root, "node:0#1", 1),
    wait(root, "event:paid", 2),
    wait(root, "event:sent", 3),
    wait(root, "approval:call_1", 4),
    wait(`${root}.1`, "event:late", 5),
    wait(`${root}.1.1`, "node:0#1", 6),
    wait(`${root}.10`, "approval:call_1", 7),
    done(root, "node:0#1"),
    { type: "decide", run: root, key: "event:sent", value: null },
    { type: "failed", run: root, key: "approval:call_1", attempt: 1, print: "", error },
    { type: "end", run: `${root}.1`, outcome: { status: "failed", error } },
  ];

  expect(openWaits(log)).toEqual([
    { run: root, kind: "event", event: "paid", sinceMs: 2, untilMs: 90 },
    { run: `${root}.10`, kind: "approval", event: null, sinceMs: 7, untilMs: 90 },
  ]);
  expect(openWaits([...log, { type: "cancel", run: root, reason: "enough" }])).toEqual([]);
});
