// Text on its way to viewers while a model writes it: framed by the agent's template, with the tail
// that carries collected data held back. What was written always equals the step's final text, so
// the preview never has to be corrected.

import { dataMarker } from "./parameters.ts";
import type { Frame } from "./template.ts";

/** A writer of one answer. */
export interface LiveText {
  /** The model's next piece. */
  push(piece: string): void;
  /** The rest, so that all that was written is `text`. */
  end(text: string): void;
}

/**
 * @param write shows text; called with non-empty pieces only.
 * @param hidesData whether the answer may end in a data tail.
 */
export function createLiveText(
  write: (text: string) => void,
  options: { readonly frame: Frame; readonly hidesData: boolean },
): LiveText {
  let written = 0;
  let held = "";
  let isTail = false;
  const show = (text: string): void => {
    if (text === "") return;
    const whole = written === 0 ? options.frame.before + text : text;
    written += whole.length;
    write(whole);
  };
  return {
    push(piece) {
      if (isTail) return;
      if (!options.hidesData) return show(piece);
      held += piece;
      const at = held.indexOf(dataMarker);
      if (at !== -1) isTail = true;
      // White space before the marker is cut from the final text, so it waits with it.
      const open = at === -1 ? held.length - heldBack(held) : at;
      const end = held.slice(0, open).trimEnd().length;
      show(held.slice(0, end));
      held = held.slice(end);
    },
    end(text) {
      const rest = text.slice(written);
      if (rest !== "") write(rest);
    },
  };
}

/** Characters at the end of `text` that may be the beginning of the marker. */
function heldBack(text: string): number {
  for (let length = Math.min(dataMarker.length - 1, text.length); length > 0; length -= 1) {
    if (dataMarker.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
