// Server-sent events out of pieces of text, as another agent streams them. An event that is too long is left out.

/** Characters of one event that are kept until its end. */
const EVENT_CHARS_MAX = 1_000_000;

/** One event. */
export interface StreamEvent {
  /** "" when it has none. */
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** What takes pieces, and gives each event when it is whole. `end`: one that lacks only its empty line is given. */
export interface EventPieces {
  push(piece: string): void;
  end(): void;
}

/** Reads events. */
export function eventPieces(on: (event: StreamEvent) => void): EventPieces {
  let held = "";
  let isTooLong = false;
  const give = (block: string): void => {
    const event = isTooLong ? null : eventOf(block);
    isTooLong = false;
    if (event !== null) on(event);
  };
  return {
    push(piece) {
      // A line break may be cut in two: its second half comes with the next piece.
      held = (held + piece).replaceAll("\r\n", "\n");
      for (let end = held.indexOf("\n\n"); end !== -1; end = held.indexOf("\n\n")) {
        give(held.slice(0, end));
        held = held.slice(end + 2);
      }
      if (held.length <= EVENT_CHARS_MAX) return;
      isTooLong = true;
      held = "";
    },
    end() {
      if (held.trim() !== "") give(held);
      held = "";
    },
  };
}

function eventOf(block: string): StreamEvent | null {
  const fields: { event: string; id: string; data: string[] } = { event: "", id: "", data: [] };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") fields.data.push(value);
    else if (name === "event" || name === "id") fields[name] = value;
  }
  const { data, event, id } = fields;
  return data.length === 0 ? null : { event, id, data: data.join("\n") };
}
