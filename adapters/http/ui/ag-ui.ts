// How requests of AG-UI are answered: a message, decisions that resume a run, or, with nothing to say, what
// a thread holds and what is under way in it.

import { plainPointers } from "../../../actors/client-tools.ts";
import type { MessageRecord } from "../../../actors/records/conversation.ts";
import { memoryLimits } from "../../../actors/records/memory.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { targetOf } from "../../a2a/target.ts";
import { maxSpendIn } from "../max-spend.ts";
import type { RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import type { Answering } from "../services/answering.ts";
import { MESSAGE_CHARS_MAX } from "../services/chat.ts";
import type { Services } from "../services/services.ts";
import { eventStream } from "../sse.ts";
import { decisionsIn, needsWhole, promptOf, textOf } from "./ag-ui-messages.ts";
import { complete, say, type ThreadAsk } from "./ask.ts";
import { decideAll } from "./decide.ts";
import { EventWriter } from "./event-writer.ts";
import type { RunInput } from "./run-input.ts";
import { runStream } from "./run-stream.ts";
import type { Reading } from "./shown.ts";
import type { ThreadOf } from "./thread.ts";
import {
  attached,
  isCancelledByClosing,
  keptMessages,
  knownConversation,
  runUnderWay,
} from "./under-way.ts";

type Context = RouteContext<RunInput>;

const NOTHING: ReadonlySet<string> = new Set();

/** Answers POST /v2/agents/{key}/ag-ui. */
export async function answerAgUi(services: Services, context: Context): Promise<HttpResponse> {
  const { principal, params, body } = context;
  const { tenant, boundTo } = principal;
  const { id: target } = await targetOf(services, tenant, params["key"] ?? "");
  const decisions = decisionsIn(body);
  if (decisions.length > 0) {
    const cancelOnLeave = await isCancelledByClosing(services, { tenant, target });
    const all = { target, decisions, cancelOnLeave };
    const continued = await decideAll(services, context, all);
    return agUiStream(services, context, { tenant, ...continued });
  }
  const thread = { tenant, target, boundTo, id: body.threadId };
  if (body.messages.length === 0) return await held(services, context, thread);
  const answering = await asked(services, context, thread);
  return agUiStream(services, context, { tenant, answering, decided: NOTHING });
}

/** What a thread holds, and what is under way in it. */
async function held(services: Services, context: Context, thread: ThreadOf): Promise<HttpResponse> {
  const { tenant } = thread;
  const conversation = await knownConversation(services, thread);
  const run = await runUnderWay(services, thread);
  const messages = await keptMessages(services, thread);
  if (run !== undefined) {
    const { request } = context;
    const answering = await attached(services, { tenant, run, request });
    return agUiStream(services, context, { tenant, answering, decided: NOTHING }, messages);
  }
  const { threadId, runId } = context.body;
  const ids = { threadId, runId, run: null, conversation: conversation ?? null };
  const writer = new EventWriter(ids);
  return eventStream(async ({ send }) => {
    const events = [...writer.begin(), writer.snapshot(messages), writer.idle()];
    await send(events.map((event) => ({ data: JSON.stringify(event) })));
  });
}

async function asked(services: Services, context: Context, thread: ThreadOf): Promise<Answering> {
  const { body } = context;
  const last = body.messages.at(-1);
  const forwarded: Forwarded = body.forwardedProps ?? {};
  const user = userIn(forwarded);
  const ask: ThreadAsk = {
    thread,
    once: { key: `run ${body.runId}`, body: [body.messages, body.tools, body.context, body.state] },
    // Closing the connection is how this protocol's clients cancel.
    onDisconnectElse: "cancel",
    limit: maxSpendIn(forwarded.max_spend, "/forwardedProps/max_spend"),
    ...(user === undefined ? {} : { user }),
  };
  if (needsWhole(body)) return await completed(services, context, ask);
  const at = body.messages.length - 1;
  if (last?.role !== "user") {
    const message = "The last message is the user's; decisions come as resume.";
    throw new RuntimeError("INVALID", message, { pointer: `/messages/${at}/role` });
  }
  const text = textOf(last);
  if (text === "" || text.length > MESSAGE_CHARS_MAX) {
    const message = `The message of the user has 1 to ${MESSAGE_CHARS_MAX} characters of text.`;
    throw new RuntimeError("INVALID", message, { pointer: `/messages/${at}/content` });
  }
  return await say(services, context, { ...ask, text });
}

/** The messages as they are, with the client's tools. */
async function completed(services: Services, context: Context, ask: ThreadAsk): Promise<Answering> {
  const { body } = context;
  const placed = promptOf(body);
  const tools = (body.tools ?? []).map(({ name, description, parameters }) => ({
    ...{ name, description },
    parameters: parameters ?? { type: "object", properties: {} },
  }));
  const messages = placed.map(({ message }) => message);
  const pointers = {
    ...plainPointers,
    message: (at: number) => placed[at]?.pointer ?? "/messages",
  };
  const overrides = tools.length > 0 ? { tools } : {};
  return await complete(services, context, { ...ask, messages, pointers, overrides });
}

/** What an application forwards, as far as it is read. */
interface Forwarded {
  readonly user_key?: unknown;
  readonly max_spend?: unknown;
}

/** Who speaks. @throws INVALID. */
function userIn({ user_key: user }: Forwarded): string | undefined {
  if (user === undefined || user === null) return undefined;
  const most = memoryLimits.userChars;
  if (typeof user === "string" && user !== "" && user.length <= most) return user;
  const pointer = "/forwardedProps/user_key";
  throw new RuntimeError("INVALID", `user_key has 1 to ${most} characters.`, { pointer });
}

function agUiStream(
  services: Services,
  { body }: Context,
  reading: Reading,
  held?: readonly MessageRecord[],
): HttpResponse {
  const { run, conversation_key: conversation } = reading.answering.accepted;
  const { threadId, runId } = body;
  const writer = new EventWriter({ threadId, runId, run, conversation });
  const first = held === undefined ? [] : [writer.snapshot(held)];
  return runStream(services, reading, writer, { first });
}
