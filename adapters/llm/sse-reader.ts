// Reads server-sent events from bytes as they arrive (WHATWG HTML, "9.2.6 Interpreting an event
// stream"). Lines are found on bytes, so that a character cut between two pieces needs no care.

import { RuntimeError } from "../../runtime/errors.ts";

/** Bytes of one line, and of the data of one event. */
const EVENT_BYTES_MAX = 8 * 1024 * 1024;

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const BOM = [0xef, 0xbb, 0xbf] as const;
const DATA = Buffer.from("data");
const EVENT = Buffer.from("event");
const none = Buffer.alloc(0);

/** Called once for each event: its name ("" when it has none) and its data lines joined by LF. */
export type OnEvent = (event: string, data: string) => void;

/** Reads one stream. */
export class SseReader {
  readonly #onEvent: OnEvent;
  /** Bytes of the line that is not yet complete. */
  #rest: Buffer = none;
  #isStarted = false;
  /** The last piece ended in CR: an LF at the start of the next belongs to it. */
  #skipsLf = false;
  #event = "";
  #data: string | undefined;

  constructor(onEvent: OnEvent) {
    this.#onEvent = onEvent;
  }

  /** Takes the next bytes. @throws RuntimeError PROVIDER_FAILED when an event is over 8 MiB. */
  push(piece: Buffer): void {
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    if (!this.#isStarted) {
      const start = afterBom(bytes);
      if (start === undefined) {
        this.#rest = bytes;
        return;
      }
      this.#isStarted = true;
      bytes = bytes.subarray(start);
    }
    const done = this.#takeLines(bytes, Math.max(0, bytes.length - piece.length));
    this.#rest = done === bytes.length ? none : bytes.subarray(done);
    if (this.#rest.length > EVENT_BYTES_MAX) throw tooLarge();
  }

  /** The stream is over: an event that lacks only its empty line is delivered. */
  end(): void {
    if (this.#rest.length > 0) this.#takeLine(this.#rest, 0, this.#rest.length);
    this.#rest = none;
    this.#dispatch();
  }

  // Handles the complete lines and returns where the incomplete one starts. Bytes before `from`
  // are known to hold no line end.
  #takeLines(bytes: Buffer, from: number): number {
    let start = 0;
    let search = from;
    let cr = bytes.indexOf(CR, search);
    let lf = bytes.indexOf(LF, search);
    while (cr !== -1 || lf !== -1) {
      const isCr = cr !== -1 && (lf === -1 || cr < lf);
      const end = isCr ? cr : lf;
      const isSecondHalf = !isCr && end === start && this.#skipsLf;
      this.#skipsLf = isCr;
      if (!isSecondHalf) this.#takeLine(bytes, start, end);
      start = end + 1;
      search = start;
      if (isCr) cr = bytes.indexOf(CR, search);
      else lf = bytes.indexOf(LF, search);
    }
    if (start < bytes.length) this.#skipsLf = false;
    return start;
  }

  #takeLine(bytes: Buffer, start: number, end: number): void {
    if (start === end) {
      this.#dispatch();
      return;
    }
    if (isField(bytes, start, end, DATA)) {
      const text = fieldText(bytes, start + DATA.length, end);
      this.#data = this.#data === undefined ? text : `${this.#data}\n${text}`;
      if (this.#data.length > EVENT_BYTES_MAX) throw tooLarge();
    } else if (isField(bytes, start, end, EVENT)) {
      this.#event = fieldText(bytes, start + EVENT.length, end);
    }
    // Comments and other fields (id, retry) mean nothing to us.
  }

  #dispatch(): void {
    const data = this.#data;
    const event = this.#event;
    this.#data = undefined;
    this.#event = "";
    if (data !== undefined) this.#onEvent(event, data);
  }
}

function tooLarge(): RuntimeError {
  const text = `The provider sent an event of more than ${EVENT_BYTES_MAX} bytes.`;
  return new RuntimeError("PROVIDER_FAILED", text, { bytesMax: EVENT_BYTES_MAX });
}

// Where the text starts; undefined while the bytes could still become a byte order mark.
function afterBom(bytes: Buffer): number | undefined {
  for (const [at, byte] of BOM.entries()) {
    if (bytes.length <= at) return undefined;
    if (bytes[at] !== byte) return 0;
  }
  return BOM.length;
}

function isField(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  const after = start + name.length;
  if (after > end || (after < end && bytes[after] !== COLON)) return false;
  for (let at = 0; at < name.length; at += 1) if (bytes[start + at] !== name[at]) return false;
  return true;
}

// `at` is that of the colon, or the line's end when the field has no value.
function fieldText(bytes: Buffer, at: number, end: number): string {
  const from = bytes[at + 1] === SPACE && at + 1 < end ? at + 2 : at + 1;
  return from >= end ? "" : bytes.toString("utf8", from, end);
}
