// What one viewer is sent of the texts of a run.

import { expect, test } from "vitest";
import type { Frame } from "../../runtime/frame.ts";
import { parseFrameId } from "../../runtime/frame.ts";
import { startOf, Viewer } from "../../runtime/runs/viewer.ts";

function watch(after: string | null): { viewer: Viewer; frames: Frame[] } {
  const frames: Frame[] = [];
  const start = startOf(after === null ? null : parseFrameId(after)) ?? { entries: 0, text: null };
  const viewer = new Viewer({
    id: 1,
    endOnly: false,
    start,
    toDoor: (item) => {
      if (item.type === "frames") frames.push(...item.frames);
    },
    soon: () => undefined,
  });
  return { viewer, frames };
}

test("after a cursor, a text written side by side with the one it names begins anew", () => {
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
