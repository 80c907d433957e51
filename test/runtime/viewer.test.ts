// What one viewer is sent of the texts of a run.

import { expect, test } from "vitest";
import type { Frame } from "../../runtime/frame.ts";
import { parsePlace, START } from "../../runtime/place.ts";
import type { LogEntry } from "../../runtime/runs/log-entry.ts";
import { Viewer } from "../../runtime/runs/viewer.ts";

function watch(after: string | null, endOnly = false): { viewer: Viewer; frames: Frame[] } {
  const frames: Frame[] = [];
  const start = (after === null ? null : parsePlace(after)) ?? START;
  const viewer = new Viewer({
    id: 1,
    endOnly,
    start,
    toDoor: (item) => {
      if (item.type === "frames") frames.push(...item.frames);
    },
    soon: () => undefined,
  });
  return { viewer, frames };
}

test("of texts written side by side each goes on, or begins anew when it was run again", () => {
  const first = watch(null);
  first.viewer.live({ run: "rn_1.1", step: "model", attempt: 1, text: "of a" });
  first.viewer.live({ run: "rn_1.2", step: "model", attempt: 1, text: "of b" });
  first.viewer.flush();
  const last = first.frames.at(-1);
  const { viewer, frames } = watch(last?.type === "text" ? last.id : null);

  viewer.live({ run: "rn_1.1", step: "model", attempt: 1001, text: "of a again" });
  viewer.live({ run: "rn_1.2", step: "model", attempt: 1, text: "of b, more" });
  viewer.flush();

  const shown = frames.map((frame) => ({ ...frame, id: "" }));
  const at = { id: "", step: "model" };
  expect(shown).toEqual([
    { ...at, type: "reset", run: "rn_1.1", attempt: 1001 },
    { ...at, type: "text", run: "rn_1.1", attempt: 1001, offset: 0, text: "of a again" },
    { ...at, type: "text", run: "rn_1.2", attempt: 1, offset: 4, text: ", more" },
  ]);
});

const live = { run: "rn_1.1", step: "model", attempt: 1, text: "some text" };
const event: LogEntry = { type: "event", run: "rn_1.1", key: "k", event: "e" };
const stored: LogEntry = {
  ...{ type: "step", run: "rn_1.1", key: "model", attempt: 1, print: "" },
  ...{ result: { text: "some text" }, streamed: true },
};
const kindsOf = (frames: readonly Frame[]): readonly string[] => frames.map(({ type }) => type);
const idOf = (frame: Frame | undefined): string => (frame && "id" in frame ? frame.id : "");

test.each([
  ["rn_1:@1:0:0", 1],
  ["rn_1.1:@4:0:0", 1],
  ["rn_1.1:@4:0:0", 1001],
  ["rn_1:other@4:1:7", 2],
])("after %s a text that it does not name comes from its start: attempt %i", (after, attempt) => {
  const written = watch(after);
  written.viewer.live({ ...live, attempt });
  written.viewer.flush();
  const recorded = watch(after);
  recorded.viewer.entry({ ...stored, attempt }, 5);
  recorded.viewer.flush();

  expect(kindsOf(written.frames)).toEqual(["text"]);
  expect(kindsOf(recorded.frames)).toEqual(["text", "text-end"]);
  for (const [frame] of [written.frames, recorded.frames]) {
    expect(frame).toMatchObject({ attempt, offset: 0, text: "some text" });
  }
});

test("an event that comes while a text is written says how much of it was shown", () => {
  const first = watch(null);
  first.viewer.live({ ...live, text: "some" });
  first.viewer.entry(event, 0);
  first.viewer.flush();
  const id = idOf(first.frames.at(-1));
  const again = (attempt: number): readonly Frame[] => {
    const { viewer, frames } = watch(id);
    viewer.live({ ...live, attempt });
    viewer.flush();
    return frames;
  };

  expect(id).toBe("rn_1.1:model@1:1:4");
  expect(again(1)).toMatchObject([{ type: "text", offset: 4, text: " text" }]);
  expect(again(2)).toMatchObject([{ type: "reset" }, { type: "text", offset: 0 }]);
});

test("a text that has ended is named no longer, those beside it are", () => {
  const { viewer, frames } = watch(null);
  viewer.live({ ...live, run: "rn_1", text: "some t" });
  viewer.live(live);
  viewer.entry(stored, 0);
  viewer.entry({ ...stored, run: "rn_1" }, 1);
  viewer.entry(event, 2);
  viewer.flush();
  const ids = frames.map(idOf);

  expect(kindsOf(frames)).toEqual(["text", "text", "text-end", "text", "text-end", "event"]);
  expect(ids[1]).toBe("rn_1.1:model@0@1:6::model:1:9");
  expect(ids[2]).toBe("rn_1:model@1:1:6");
  expect(ids.slice(-2)).toEqual(["rn_1:@2:0:0", "rn_1.1:@3:0:0"]);
});

test("what was reset and not begun again is not reset once more", () => {
  const { viewer, frames } = watch("rn_1.1:model@4:2:0");
  viewer.live({ ...live, attempt: 3 });
  viewer.flush();

  expect(kindsOf(frames)).toEqual(["text"]);
});

test("an id that had no room for all texts has each reset that it does not name", () => {
  const { viewer, frames } = watch("rn_1.1:model@4@*:1:4");
  viewer.live(live);
  viewer.live({ ...live, run: "rn_1.2" });
  viewer.flush();

  expect(frames).toMatchObject([
    { type: "text", run: "rn_1.1", offset: 4 },
    { type: "reset", run: "rn_1.2", id: "rn_1.2:model@4@1:9:.1:model@*:1:0" },
    { type: "text", run: "rn_1.2", offset: 0 },
  ]);
});

test("who waits for the end is told of pauses and of nothing else before it, others of none", () => {
  const waits: LogEntry = { type: "try", run: "rn_1.1", key: "w", attempt: 1, untilMs: 9 };
  const shown = [true, false].map((endOnly) => {
    const { viewer, frames } = watch(null, endOnly);
    viewer.live(live);
    viewer.entry(event, 0);
    viewer.entry(waits, 1);
    viewer.entry({ ...waits, sinceMs: 0 }, 2);
    viewer.flush();
    return frames;
  });

  expect(shown[0]).toEqual([{ type: "paused", id: "rn_1.1:@3:0:0", run: "rn_1.1" }]);
  expect(kindsOf(shown[1] ?? [])).not.toContain("paused");
});
