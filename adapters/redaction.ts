// Takes secrets out of what another machine says: whole texts, and texts that come in pieces, where a
// secret may begin in one piece and end in the next.

/** Shorter values would be found in texts by chance. */
const SECRET_CHARS_MIN = 8;
/** Of a text that was cut off: so much of a secret at its end is no chance. */
const PART_CHARS_MIN = 4;
const HIDDEN = "***";

/** Hides some secrets. */
export interface Redactor {
  /** Characters of the longest; 0: there is nothing to hide. */
  readonly charsMax: number;
  /** The text with `***` in their places. @param isCut its end may be the beginning of one. */
  text(text: string, isCut?: boolean): string;
  /** Pieces in, pieces without secrets out; `end` gives what was held back. */
  pieces(out: (piece: string) => void): { push(piece: string): void; end(): void };
}

/** The redactor of some secrets, in the forms in which they are repeated: as they are, in JSON, in addresses. */
export function createRedactor(secrets: readonly string[]): Redactor {
  const all = formsOf(secrets);
  const charsMax = all[0]?.length ?? 0;
  const clean = (text: string): string =>
    all.reduce((left, one) => left.replaceAll(one, HIDDEN), text);
  return {
    charsMax,
    text: (text, isCut = false) => {
      if (charsMax === 0) return text;
      const hidden = clean(text);
      return isCut ? withoutPart(hidden, all) : hidden;
    },
    pieces: (out) => {
      let held = "";
      return {
        push: (piece) => {
          if (charsMax === 0) return out(piece);
          held = clean(held + piece);
          // What may be the beginning of a secret waits for what comes next; nothing else does, as the
          // next piece may be long in coming.
          const ready = held.length - partAtEnd(held, all);
          if (ready > 0) out(held.slice(0, ready));
          held = held.slice(ready);
        },
        end: () => {
          if (held !== "") out(held);
          held = "";
        },
      };
    },
  };
}

/** The longest first: one may hold another. */
function formsOf(secrets: readonly string[]): readonly string[] {
  const forms = secrets
    .flatMap((secret) => [secret, ...secret.split(/\s+/)])
    .filter((secret) => secret.length >= SECRET_CHARS_MIN)
    .flatMap((secret) => [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      Buffer.from(secret, "utf8").toString("base64").replace(/=+$/, ""),
    ]);
  return [...new Set(forms)].sort((left, right) => right.length - left.length);
}

/** Characters at the end of a text that are the beginning of a secret. */
function partAtEnd(text: string, secrets: readonly string[]): number {
  let most = 0;
  for (const secret of secrets) {
    for (let chars = Math.min(secret.length - 1, text.length); chars > most; chars -= 1) {
      if (text.endsWith(secret.slice(0, chars))) most = chars;
    }
  }
  return most;
}

function withoutPart(text: string, secrets: readonly string[]): string {
  for (const secret of secrets) {
    for (
      let chars = Math.min(secret.length - 1, text.length);
      chars >= PART_CHARS_MIN;
      chars -= 1
    ) {
      if (text.endsWith(secret.slice(0, chars))) return `${text.slice(0, -chars)}${HIDDEN}`;
    }
  }
  return text;
}
