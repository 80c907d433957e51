// Pictures that people send in a conversation. Their bytes lie once beside it, under their digest; messages
// and requests to models name them, and only the call of a provider has the bytes themselves.

/** A picture of a message, as its record has it. What it is called stands in the message's text. */
export interface Picture {
  /** SHA-256 of its bytes, hex. */
  readonly id: string;
  readonly media_type: string;
  readonly bytes: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** A picture as it is kept. */
export interface StoredPicture {
  readonly media_type: string;
  readonly bytes: Uint8Array;
}

/** Table of a tenant's pictures: id `<conversation>.<picture>`. */
export const picturesTable = "conversation-pictures";

/** Id of a picture's row. */
export function pictureRow(conversation: string, picture: string): string {
  return `${conversation}.${picture}`;
}

const SCHEME = "picture:";

/** How a request to a model names one; nobody outside can: their images are https or data. */
export function pictureUrl(conversation: string, picture: string): string {
  return `${SCHEME}${pictureRow(conversation, picture)}`;
}

/** The row that an address of an image names; null for one that is no picture of a conversation. */
export function rowOfPictureUrl(url: string): string | null {
  return url.startsWith(SCHEME) ? url.slice(SCHEME.length) : null;
}

/** The line of a message's text that names one of its pictures. */
export function pictureLine(name: string): string {
  return `[picture "${name.replace(/["\r\n\]]/g, " ")}"]`;
}

/** A message's text, whose first `count` such lines say more of their picture. */
export function tellingOf(text: string, count: number, what: string): string {
  let left = count;
  return text.replace(/^\[picture ("[^"\n]*")\]$/gm, (line, name: string) => {
    left -= 1;
    return left < 0 ? line : `[picture ${name}, ${what}]`;
  });
}
