// A server that chats: where it is and how a message is put to it.

/** Something that can be asked over HTTP. */
export interface Target {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body of one message in a new conversation. */
  body(session: string, message: string, stream: boolean): string;
}

/** A message that no trigger fits, so that a model has to choose: two provider calls. */
export const doubtfulMessage = "Could somebody look into the matter from last week for me please?";

/** A message with a trigger's own words: one provider call. */
export const clearMessage = "Please send the invoice of last month again.";

let asked = 0;

/** A message with a mark by which the provider adds up what it held for this turn. */
export function marked(message: string): string {
  asked += 1;
  return `${message} #q${asked}`;
}

/** Bytes of a POST to a target. */
export function requestBytes(target: Target, body: string): Buffer {
  const headers = Object.entries(target.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `POST ${target.path} HTTP/1.1\r\nhost: 127.0.0.1:${target.port}\r\n${headers.join("")}` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** Bytes of a GET. */
export function getBytes(target: Pick<Target, "port" | "headers">, path: string): Buffer {
  const headers = Object.entries(target.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${target.port}\r\n${headers.join("")}\r\n`,
  );
}
