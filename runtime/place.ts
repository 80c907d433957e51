// Where a viewer is in the frames of a run, as the id of its last frame says it: how many log entries
// it has seen, and how much of every text that it has a part of. Nothing else is known of a viewer that
// comes back: an id holds all that decides what it is sent.

import { frameId, parseFrameId, rootRunOf } from "./frame.ts";

/** Longest id of a frame, in characters: clients send it back in a header. */
export const FRAME_ID_CHARS_MAX = 400;

/** How much of a text a viewer has. */
export interface SeenText {
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  /** UTF-16 units. */
  readonly offset: number;
}

/** A place in the frames of a root run. */
export interface Place {
  /** Log entries seen. */
  readonly entries: number;
  /** Mark of the life of the run in which the last of them was written; "" in its first. */
  readonly life: string;
  /** Texts that the viewer has a part of and not the end, the one that was shown last first. */
  readonly texts: readonly SeenText[];
  /** It has parts of other texts too: they were too many for an id. */
  readonly hasOthers: boolean;
}

/** Before the first frame. */
export const START: Place = { entries: 0, life: "", texts: [], hasOthers: false };

const OTHERS = "@*";

/**
 * The id of a place: `run:step@entries:attempt:offset` of the text that was shown last. Other texts
 * stand behind the entries, each as `@attempt:offset:path:step` with its run's path below the root run;
 * `@*` stands for those that find no room. With no text it is `run:@entries:0:0`. Behind the entries
 * stands `.life` when the run is not in its first.
 * @param run root run or a child, named when there is no text.
 */
export function placeId(run: string, { life, texts, hasOthers, ...seen }: Place): string {
  const entries = life === "" ? seen.entries : `${seen.entries}.${life}`;
  const [shown, ...others] = texts;
  if (shown === undefined || (others.length === 0 && !hasOthers)) {
    const mark = `@${entries}${hasOthers ? OTHERS : ""}`;
    if (shown === undefined) return frameId({ run, step: mark, attempt: 0, offset: 0 });
    return frameId({ ...shown, step: shown.step + mark });
  }
  let step = `${shown.step}@${entries}`;
  let isCut = false;
  const room = FRAME_ID_CHARS_MAX - frameId({ ...shown, step: OTHERS }).length;
  for (const other of others) {
    const path = other.run.slice(rootRunOf(other.run).length);
    const next = `${step}@${other.attempt}:${other.offset}:${path}:${other.step}`;
    isCut = next.length > room;
    if (isCut) break;
    step = next;
  }
  return frameId({ ...shown, step: isCut || hasOthers ? step + OTHERS : step });
}

/** Reads an id; null when it is none of a place. */
export function parsePlace(id: string): Place | null {
  const cursor = parseFrameId(id);
  if (cursor === null) return null;
  // A step's key has no "@".
  const [step = "", seen = "", ...others] = cursor.step.split("@");
  const [, entries, life = ""] = /^(\d{1,15})(?:\.([0-9a-z]{1,16}))?$/.exec(seen) ?? [];
  if (entries === undefined) return null;
  const texts: SeenText[] = step === "" ? [] : [{ ...cursor, step }];
  const root = rootRunOf(cursor.run);
  let hasOthers = false;
  for (const other of others) {
    const match = /^(\d{1,15}):(\d{1,15}):((?:\.[A-Za-z0-9.]{1,128})?):(.+)$/s.exec(other);
    if (other === "*") hasOthers = true;
    else if (match === null) return null;
    else {
      const [, attempt, offset, path = "", key = ""] = match;
      const run = root + path;
      texts.push({ run, step: key, attempt: Number(attempt), offset: Number(offset) });
    }
  }
  return { entries: Number(entries), life, texts, hasOthers };
}
