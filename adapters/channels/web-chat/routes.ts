// The requests of the widget: a ticket, a message, what has happened since, a file. All are posts from a
// page of an allowed origin. Events are a long poll: it resumes after a number, which a stream would do no
// better, and needs nothing of proxies and networks that any request would not.

import type { ActionEvent, MessageEvent } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type {
  ChannelEnvironment,
  ChannelRequest,
  ChannelResponse,
  ChannelRoute,
  Handled,
} from "../adapter.ts";
import { type Headers, jsonAnswer, problem, problemOf } from "../answer.ts";
import type { Mailbox } from "../mailbox.ts";
import { fileOfEntry } from "../mailbox-file.ts";
import { personSender } from "../person-sender.ts";
import {
  entryKeys,
  filesOf,
  shownEntry,
  type VisitorEntry,
  type WebChatAddress,
} from "./entries.ts";
import { webChatLimits } from "./limits.ts";
import { Rates } from "./rates.ts";
import {
  eventsBody,
  fileBody,
  messageBody,
  readBody,
  sessionBody,
  uploadBody,
} from "./requests.ts";
import type { WebChatRules } from "./settings.ts";
import type { Typing } from "./typing.ts";
import { knownVisitor, makeTicket, type Visitor, visitorOf } from "./visitor.ts";
import { fileRefOf, filesRules, keepPiece } from "./visitor-files.ts";

/** What the routes go by. */
export interface WebChat {
  readonly rules: WebChatRules;
  readonly environment: ChannelEnvironment;
  readonly mailbox: Mailbox;
  readonly typing: Typing;
}

/** A request of an allowed page. */
interface Asked {
  readonly request: ChannelRequest;
  readonly origin: string;
  readonly cors: Headers;
  readonly nowMs: number;
}

const DEFAULT_CONVERSATION = "main";

/** The routes, without the widget's own file. */
export function webChatRoutes(chat: WebChat): readonly ChannelRoute[] {
  const rates = new Rates();
  return [
    post(chat, "/session", (asked) => session(chat, rates, asked)),
    post(chat, "/messages", (asked) => message(chat, rates, asked)),
    {
      ...post(chat, "/upload", (asked) => upload(chat, rates, asked)),
      bodyMax: webChatLimits.uploadBytes,
    },
    post(chat, "/events", (asked) => events(chat, rates, asked)),
    post(chat, "/file", (asked) => file(chat, asked)),
  ];
}

function post(
  { rules, environment }: WebChat,
  path: string,
  handle: (asked: Asked) => Promise<Handled>,
): ChannelRoute {
  return {
    method: "POST",
    path,
    bodyMax: webChatLimits.bodyBytes,
    handle: async (request) => {
      const origin = request.headers["origin"] ?? "";
      // Browsers name the page's origin with every post: without one it is no page.
      if (origin === "" || (rules.origins !== null && !rules.origins.has(origin))) {
        return { refused: problem(403, "This page is not one of the chat's allowed_origins.") };
      }
      const cors = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After",
        Vary: "Origin",
      };
      try {
        return await handle({ request, origin, cors, nowMs: environment.nowMs() });
      } catch (error) {
        return { refused: problemOf(error, cors) };
      }
    },
  };
}

async function session({ rules }: WebChat, rates: Rates, asked: Asked): Promise<Handled> {
  const { request, origin, nowMs, cors } = asked;
  const { token, user_token: userToken } = await readBody(sessionBody, request.body);
  const known = await knownVisitor({ token, userToken, origin, nowMs }, rules);
  const { visitor, untilS, isNew } = known;
  const address = request.clientAddress;
  if (isNew && address !== undefined) {
    rates.take(`session ${address}`, webChatLimits.addressVisitors, nowMs);
  }
  const expires_in = untilS - Math.floor(nowMs / 1_000);
  const files = filesRules(rules.visitorFileBytes);
  const ticket = makeTicket(visitor, { origin, untilS, nowMs }, rules);
  return answered(
    jsonAnswer(200, { token: ticket, expires_in, visitor: visitor.id, files, ...rules.look }, cors),
  );
}

async function message(chat: WebChat, rates: Rates, asked: Asked): Promise<Handled> {
  const { request, nowMs, cors } = asked;
  const body = await readBody(messageBody, request.body);
  const { id, text = "", action, of = null, file } = body;
  if ((text === "" && file === undefined) === (action === undefined)) {
    const said = "A message has a text, a file or both, or an action.";
    throw new RuntimeError("INVALID", said, { pointer: "/text" });
  }
  const visitor = visitorFor(chat, body.token, asked);
  rates.take(`message ${visitor.id}`, chat.rules.visitorMessages, nowMs);
  const { clientAddress } = request;
  if (clientAddress !== undefined) {
    rates.take(`message from ${clientAddress}`, chat.rules.addressMessages, nowMs);
  }
  const box = boxFor(visitor, body.conversation);
  const pressed = action === undefined ? {} : { pressed: { action, of } };
  const sent = file && fileRefOf(box, file, chat.rules.visitorFileBytes);
  const shown = [text, sent && `📎 ${sent.name}`].filter(Boolean).join("\n");
  const entry: VisitorEntry = { from: "visitor", text: shown, ...pressed };
  // Before the commit, so that the answer stands behind it; one that comes again has the same number.
  const seq = await chat.mailbox.append(box, `${entryKeys.visitor}${id}`, { ...entry });
  const address: WebChatAddress = { box };
  const about: Omit<MessageEvent, "kind" | "message" | "text"> = {
    dedupe: [`${box}/${id}`],
    place: { conversation: box, user: visitor.id, isDirect: true },
    address: { ...address },
    sender: personSender(visitor.id, visitor.name),
    atMs: nowMs,
  };
  const event: MessageEvent | ActionEvent =
    action === undefined
      ? { kind: "message", message: id, text, ...(sent && { files: [sent] }), ...about }
      : { kind: "action", action, ...(of !== null && { message: of }), ...about };
  const nack = problem(503, "The message was not taken; the same again may be.", {
    ...cors,
    "Retry-After": "2",
  });
  return { events: [event], ack: jsonAnswer(202, { id, seq }, cors), nack };
}

async function upload(chat: WebChat, rates: Rates, asked: Asked): Promise<Handled> {
  const { request, nowMs, cors } = asked;
  const body = await readBody(uploadBody, request.body);
  const visitor = visitorFor(chat, body.token, asked);
  rates.take(`upload ${visitor.id}`, webChatLimits.visitorPieces, nowMs);
  const { clientAddress } = request;
  if (clientAddress !== undefined) {
    rates.take(`upload from ${clientAddress}`, webChatLimits.addressPieces, nowMs);
  }
  const box = boxFor(visitor, body.conversation);
  const seq = await keepPiece(chat.mailbox, box, body, chat.rules.visitorFileBytes);
  return answered(jsonAnswer(200, { seq }, cors));
}

async function events(chat: WebChat, rates: Rates, asked: Asked): Promise<Handled> {
  const body = await readBody(eventsBody, asked.request.body);
  const visitor = visitorFor(chat, body.token, asked);
  rates.take(`events ${visitor.id}`, webChatLimits.visitorPolls, asked.nowMs);
  const box = boxFor(visitor, body.conversation);
  const { after, wait = 0, typing = 0 } = body;
  return later(asked.cors, async (signal) => {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(wait * 1_000)]);
    for (;;) {
      const page = await chat.mailbox.read(box, after, webChatLimits.events);
      if (after > page.last) {
        const said = `after is ${after}; the last number of this conversation is ${page.last}.`;
        return problem(400, said, asked.cors);
      }
      const { untilMs, leftMs } = chat.typing.of(box);
      const isNews = page.entries.length > 0 || untilMs > typing;
      if (isNews || wait === 0 || patience.aborted) {
        const entries = page.entries.map(shownEntry);
        const last = page.entries.at(-1)?.seq ?? after;
        const shown = { entries, last, is_cut: page.isCut, typing: untilMs, typing_ms: leftMs };
        return jsonAnswer(200, shown, asked.cors);
      }
      await chat.mailbox.wait(box, after, patience);
    }
  });
}

async function file(chat: WebChat, asked: Asked): Promise<Handled> {
  const body = await readBody(fileBody, asked.request.body);
  const box = boxFor(visitorFor(chat, body.token, asked), body.conversation);
  const place = { conversation: box, seq: body.seq };
  return later(asked.cors, async () =>
    jsonAnswer(
      200,
      await fileOfEntry(chat, place, { files: filesOf, index: body.index }),
      asked.cors,
    ),
  );
}

function visitorFor({ rules }: WebChat, token: string, { origin, nowMs }: Asked): Visitor {
  return visitorOf(token, { origin, nowMs }, rules);
}

/** A page names conversations of its visitor: with another visitor the same name is another one. */
function boxFor({ id }: Visitor, conversation = DEFAULT_CONVERSATION): string {
  return `${id}/${conversation}`;
}

function answered(ack: ChannelResponse): Handled {
  return { events: [], ack };
}

function later(cors: Headers, find: (signal: AbortSignal) => Promise<ChannelResponse>): Handled {
  return {
    events: [],
    ack: problem(503, "The server cannot wait for messages now.", { ...cors, "Retry-After": "5" }),
    later: (signal) => find(signal).catch((error: unknown) => problemOf(error, cors)),
  };
}
