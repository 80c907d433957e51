// Methods of the fake Slack's Web API, with the checks and errors of the platform's that matter here.

import { BOT, type SlackMessage, type SlackWorkspace } from "./slack-workspace.ts";

/** Arguments of a call, as strings or as JSON had them. */
export type Arguments = Readonly<Record<string, unknown>>;

/** What a method gives: an object with `ok`, or an error's code. */
export type Answer = Record<string, unknown> & { ok: boolean };

/** A call and what it is answered with. */
export interface Call {
  readonly workspace: SlackWorkspace;
  readonly of: Arguments;
  readonly token: string;
  /** Address of the server, for uploads and sockets. */
  readonly url: string;
}

type Method = (call: Call) => Answer;

const fail = (error: string, more: object = {}): Answer => ({ ok: false, error, ...more });
const text = (value: unknown) => (typeof value === "string" ? value : "");
const json = (value: unknown): unknown => (typeof value === "string" ? parsed(value) : value);

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** By name. */
export const methods: Readonly<Record<string, Method>> = {
  "auth.test": () => ({
    ...{ ok: true, url: "https://fake.slack.com/", team: "Fake", team_id: BOT.team },
    ...{ user: BOT.name, user_id: BOT.user, bot_id: BOT.bot },
  }),
  "chat.postMessage": (call) => post(call),
  "chat.update": (call) => update(call),
  "conversations.history": (call) => history(call),
  "conversations.replies": (call) => history(call),
  "assistant.threads.setStatus": ({ workspace, of }) => {
    const [channel, thread, status] = [
      text(of["channel_id"]),
      text(of["thread_ts"]),
      text(of["status"]),
    ];
    if (!workspace.rooms.has(channel)) return fail("channel_not_found");
    workspace.statuses.push({ channel, thread, status });
    return { ok: true };
  },
  "files.getUploadURLExternal": ({ workspace, of, url }) => {
    const [name, length] = [text(of["filename"]), Number(of["length"])];
    if (name === "" || !Number.isInteger(length) || length < 1) return fail("invalid_arguments");
    const id = workspace.nextId("F");
    workspace.files.set(id, { id, name, length, bytes: null });
    return { ok: true, upload_url: `${url}/upload/v1/${id}`, file_id: id };
  },
  "files.completeUploadExternal": (call) => complete(call),
  "files.info": ({ workspace, of, url }) => {
    const file = workspace.files.get(text(of["file"]));
    if (file === undefined) return fail("file_not_found");
    return {
      ok: true,
      file: { id: file.id, name: file.name, url_private: `${url}/files-pri/${file.id}` },
    };
  },
  "oauth.v2.access": (call) => refresh(call),
};

function post({ workspace, of }: Call): Answer {
  const channel = text(of["channel"]);
  const room = workspace.rooms.get(channel);
  if (room === undefined) return fail("channel_not_found");
  if (workspace.archived.has(channel)) return fail("is_archived");
  if (workspace.foreign.has(channel)) return fail("not_in_channel");
  const wrong = contentProblem(of);
  if (wrong !== null) return wrong;
  const thread = text(of["thread_ts"]);
  if (thread !== "" && !room.some(({ ts }) => ts === thread)) return fail("thread_not_found");
  const message = workspace.say(channel, {
    ...contentOf(of),
    ...{ user: BOT.user, bot_id: BOT.bot, app_id: BOT.app },
    ...(thread !== "" && { thread_ts: thread }),
  });
  return { ok: true, channel, ts: message.ts, message: shown(message, true) };
}

function update({ workspace, of }: Call): Answer {
  const channel = text(of["channel"]);
  const room = workspace.rooms.get(channel);
  if (room === undefined) return fail("channel_not_found");
  const message = room.find(({ ts }) => ts === of["ts"]);
  if (message === undefined) return fail("message_not_found");
  if (message.bot_id !== BOT.bot) return fail("cant_update_message");
  const wrong = contentProblem(of);
  if (wrong !== null) return wrong;
  Object.assign(message, contentOf(of), { edited: { user: BOT.user, ts: workspace.nextTs() } });
  return { ok: true, channel, ts: message.ts, text: message.text, message: shown(message, true) };
}

function contentOf(of: Arguments): Partial<SlackMessage> {
  const blocks = json(of["blocks"]);
  const metadata = json(of["metadata"]);
  return {
    // The platform cuts what is longer, and warns.
    text: text(of["text"]).slice(0, 40_000),
    ...(Array.isArray(blocks) && { blocks }),
    ...(metadata !== undefined && { metadata }),
  };
}

/** Limits of Block Kit, and that there is anything to be said. */
function contentProblem(of: Arguments): Answer | null {
  const blocks = json(of["blocks"]);
  if (of["blocks"] !== undefined && !Array.isArray(blocks)) return fail("invalid_blocks_format");
  const list = (blocks ?? []) as Record<string, never>[];
  if (text(of["text"]) === "" && list.length === 0) return fail("no_text");
  const problems = list.flatMap((block) => blockProblems(block));
  if (list.length > 50) problems.push("no more than 50 items allowed");
  const names = list.flatMap(({ elements }) =>
    ((elements ?? []) as { action_id: string }[]).map((one) => one.action_id),
  );
  if (new Set(names).size < names.length) problems.push("`action_id` already exists");
  if (problems.length === 0) return null;
  return fail("invalid_blocks", {
    response_metadata: { messages: problems.map((one) => `[ERROR] ${one}`) },
  });
}

function blockProblems(block: Record<string, unknown>): string[] {
  const body = (block["text"] ?? {}) as { text?: string };
  if (block["type"] === "section") {
    const length = body.text?.length ?? 0;
    return length > 0 && length <= 3_000 ? [] : ["must be between 1 and 3001 characters"];
  }
  if (block["type"] !== "actions") return [`unsupported type: ${block["type"]}`];
  const elements = (block["elements"] ?? []) as Record<string, unknown>[];
  const wrong = elements.filter((one) => {
    const label = ((one["text"] ?? {}) as { text?: string }).text ?? "";
    return (
      label === "" ||
      label.length > 75 ||
      text(one["value"]).length > 2_000 ||
      text(one["action_id"]).length > 255
    );
  });
  return elements.length > 25 || wrong.length > 0 ? ["element is invalid"] : [];
}

function history({ workspace, of }: Call): Answer {
  const room = workspace.rooms.get(text(of["channel"]));
  if (room === undefined) return fail("channel_not_found");
  const root = text(of["ts"]);
  if (root !== "" && !room.some(({ ts }) => ts === root)) return fail("thread_not_found");
  const oldest = Number(of["oldest"] ?? 0);
  const limit = Math.min(Number(of["limit"] ?? 100), 999);
  const found = room.filter(({ ts, thread_ts: thread }) => {
    const isHere =
      root === "" ? thread === undefined || thread === ts : ts === root || thread === root;
    return isHere && (Number(ts) >= oldest || ts === root);
  });
  // Replies come oldest first, a room's messages newest first.
  const ordered = root === "" ? found.toReversed() : found;
  const from = Number(text(of["cursor"]) || 0);
  const page = ordered.slice(from, from + limit);
  const hasMore = from + limit < ordered.length;
  const withMetadata = String(of["include_all_metadata"]) === "true";
  return {
    ok: true,
    messages: page.map((message) => shown(message, withMetadata)),
    has_more: hasMore,
    ...(hasMore && { response_metadata: { next_cursor: String(from + limit) } }),
  };
}

function complete({ workspace, of }: Call): Answer {
  const channel = text(of["channel_id"]);
  const list = (json(of["files"]) ?? []) as { id: string; title?: string }[];
  if (!workspace.rooms.has(channel)) return fail("channel_not_found");
  if (list.length === 0) return fail("invalid_arguments");
  for (const { id } of list) {
    const file = workspace.files.get(id);
    if (file?.bytes?.byteLength !== file?.length) return fail("file_not_found");
  }
  const thread = text(of["thread_ts"]);
  const files = list.map(({ id, title = "" }) => ({ id, title }));
  const by = { user: BOT.user, bot_id: BOT.bot, app_id: BOT.app };
  workspace.say(channel, { ...by, files, ...(thread !== "" && { thread_ts: thread }) });
  return { ok: true, files };
}

/** A pair of tokens for a refresh token, which is worth nothing afterwards. */
function refresh({ workspace, of }: Call): Answer {
  const { id, secret } = workspace.client;
  if (of["client_id"] !== id) return fail("invalid_client_id");
  if (of["client_secret"] !== secret) return fail("bad_client_secret");
  if (!workspace.refresh.delete(text(of["refresh_token"]))) return fail("invalid_refresh_token");
  const access = `xoxe.xoxb-1-${workspace.nextId("A")}`;
  const next = `xoxe-1-${workspace.nextId("R")}`;
  workspace.tokens.set(access, Date.now() + 43_200_000);
  workspace.refresh.add(next);
  return {
    ok: true,
    access_token: access,
    refresh_token: next,
    expires_in: 43_200,
    token_type: "bot",
  };
}

function shown(message: SlackMessage, withMetadata: boolean): Partial<SlackMessage> {
  const { metadata, ...rest } = message;
  return withMetadata && metadata !== undefined ? { ...rest, metadata } : rest;
}
