// Twilio's side of SMS, on loopback: its REST API for messages, and what it signs. Signatures are made by its
// own library, which so is the oracle of ours.

import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import twilio from "twilio";

/** A message that was taken. */
export interface TakenMessage {
  readonly sid: string;
  readonly to: string;
  readonly from: string;
  readonly body: string;
  readonly date_created: string;
  readonly direction: string;
  readonly callback: string | null;
}

/** What answers instead. */
export interface TwilioAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The server. */
export interface TwilioServer {
  readonly url: string;
  /** The newest first. */
  readonly messages: TakenMessage[];
  readonly media: Map<string, Buffer>;
  /** Authorization headers of fetches of media. */
  readonly fetched: (string | undefined)[];
  instead: ((path: string) => TwilioAnswer | "hang" | null) | null;
  stop(): Promise<void>;
}

/** The account of the tests. */
export const ACCOUNT = { sid: `AC${"0123456789abcdef".repeat(2)}`, token: "12345plantedtoken" };
/** Who has said STOP, and a number that is none. */
export const STOPPED = "+15550000610";
export const INVALID = "+15550000211";

/** A new id. */
export function newSid(prefix = "SM"): string {
  return `${prefix}${randomBytes(16).toString("hex")}`;
}

/** A signed form, as Twilio sends it. */
export function signedForm(
  url: string,
  fields: Readonly<Record<string, string>>,
  token = ACCOUNT.token,
): { readonly body: Buffer; readonly headers: Record<string, string> } {
  const signature = twilio.getExpectedTwilioSignature(token, url, fields);
  return {
    body: Buffer.from(new URLSearchParams(fields).toString()),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "x-twilio-signature": signature,
    },
  };
}

/** An error as Twilio writes it. */
export function twilioError(code: number, status: number, message: string): TwilioAnswer {
  const more_info = `https://www.twilio.com/docs/errors/${code}`;
  return { status, body: JSON.stringify({ code, message, more_info, status }) };
}

/** Starts it on a free port. */
export async function startTwilioServer(nowMs: () => number): Promise<TwilioServer> {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const server: TwilioServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    messages: [],
    media: new Map(),
    fetched: [],
    instead: null,
    stop: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
  const basic = Buffer.from(`${ACCOUNT.sid}:${ACCOUNT.token}`).toString("base64");
  const answer = (request: IncomingMessage, form: URLSearchParams): TwilioAnswer | "hang" => {
    const url = new URL(request.url ?? "/", server.url);
    const isOurs = request.headers.authorization === `Basic ${basic}`;
    const media = server.media.get(url.pathname);
    if (media !== undefined) {
      server.fetched.push(request.headers.authorization);
      return { status: isOurs ? 200 : 401, body: isOurs ? media.toString() : "" };
    }
    const take = () =>
      request.method === "POST" ? taken(server, form, nowMs()) : listed(server, url);
    // Answered in place of Twilio once the message was taken, as a connection that breaks does.
    const given = isOurs ? take() : twilioError(20003, 401, "Authenticate");
    return server.instead?.(url.pathname) ?? given;
  };
  http.on("request", (request, response) => {
    formOf(request).then((form) => {
      const given = answer(request, form);
      if (given === "hang") return;
      response.writeHead(given.status, { ...given.headers }).end(given.body);
    }, response.destroy);
  });
  return server;
}

function taken(server: TwilioServer, form: URLSearchParams, nowMs: number): TwilioAnswer {
  const [to, from, body] = ["To", "From", "Body"].map((name) => form.get(name) ?? "");
  if (to === STOPPED) return twilioError(21610, 400, "Attempt to send to unsubscribed recipient");
  if (to === INVALID) return twilioError(21211, 400, "Invalid 'To' Phone Number: +1555XXXX");
  if (!body) return twilioError(21602, 400, "Message body is required.");
  if (body.length > 1_600) {
    const text = "The concatenated message body exceeds the 1600 character limit";
    return twilioError(21617, 400, text);
  }
  const message: TakenMessage = {
    sid: newSid(),
    to: to ?? "",
    from: from ?? "",
    body,
    date_created: new Date(nowMs).toUTCString(),
    direction: "outbound-api",
    callback: form.get("StatusCallback"),
  };
  server.messages.unshift(message);
  const shown = { ...message, status: "queued", error_code: null, error_message: null };
  return { status: 201, body: JSON.stringify(shown) };
}

function listed(server: TwilioServer, url: URL): TwilioAnswer {
  if (url.pathname.endsWith("/IncomingPhoneNumbers.json")) {
    const isOurs = url.searchParams.get("PhoneNumber") === "+15558675310";
    const incoming_phone_numbers = isOurs ? [{ phone_number: "+15558675310" }] : [];
    return { status: 200, body: JSON.stringify({ incoming_phone_numbers }) };
  }
  const [to, from] = [url.searchParams.get("To"), url.searchParams.get("From")];
  const found = server.messages.filter((one) => one.to === to && one.from === from);
  return { status: 200, body: JSON.stringify({ messages: found }) };
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
