// Where platforms deliver, through the real door: verified, on disk, answered. Sessions are a small actor
// here that keeps what it is told; what sessions make of it is theirs (test/actors/channels).

import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { InboundMessage } from "../../actors/channels/session-message.ts";
import { channelTables } from "../../adapters/channels/tables.ts";
import { until } from "../support/channels/channel-desk.ts";
import { type HeardSessions, heardSessions } from "../support/channels/heard-sessions.ts";
import { quietEnd } from "../support/channels/quiet.ts";
import {
  envelopeOf,
  messageOf,
  SECRET as SLACK_SECRET,
  signedHeaders,
} from "../support/channels/slack-sender.ts";
import { BOT } from "../support/channels/slack-workspace.ts";
import type { HttpHost } from "../support/http-host.ts";
import { startHttpHost } from "../support/http-host.ts";

const SECRET = "the-secret-of-the-relay";

let host: HttpHost;
let heard: HeardSessions;
let agent = "";
let account = "";
let path = "";

beforeAll(async () => {
  heard = heardSessions();
  host = await startHttpHost({ definitions: [heard.definition] });
  agent = (await host.call("POST", "/v2/agents", { name: "Desk" })).body.agent_key;
  account = await made({});
  path = `/gateway/relay/${account}`;
});
afterAll(() => host.stop());
beforeEach(() => heard.clear());

async function made(more: object): Promise<string> {
  const body = {
    ...{ name: "Relay", kind: "relay", agent, secrets: { signing_secret: SECRET } },
    settings: { api_url: "http://127.0.0.1:9/messages" },
    ...more,
  };
  const { status, body: record } = await host.call("POST", "/v2/channels", body);
  const hidden = new Set(Object.values(record.secrets));
  expect([status, [...hidden]]).toEqual([201, ["***"]]);
  return record.id;
}

const said = (more: object = {}): string =>
  JSON.stringify({ id: "m1", room: "r1", from: "u1", text: "Hello?", ...more });
const signed = (body: string | Uint8Array, secret = SECRET): Record<string, string> => ({
  "X-Relay-Signature": createHmac("sha256", secret).update(body).digest("hex"),
});
const post = (body: string, headers: Record<string, string> = signed(body), to = path) =>
  fetch(host.url + to, { method: "POST", body, headers });

const textsOf = (messages: readonly InboundMessage[]): readonly string[] =>
  messages.map(({ event }) => ("text" in event ? event.text : event.kind));

test("what is delivered is with its session when the platform is answered", async () => {
  const answer = await post(said());

  expect(answer.status).toBe(200);
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  expect(heard.messages()).toEqual([
    expect.objectContaining({
      type: "inbound",
      key: { channel: account, conversation: "r1", thread: null, user: null },
      event: expect.objectContaining({ kind: "message", text: "Hello?", dedupe: ["m1"] }),
      dedupeHours: 48,
    }),
  ]);
});

test("what is not signed as it should be is refused, and nobody hears of it", async () => {
  const flipped = signed(said())["X-Relay-Signature"]?.replace(/^./, (one) =>
    one === "0" ? "1" : "0",
  );
  const answers = [
    await post(said(), {}),
    await post(said(), signed(said(), "another-secret-altogether")),
    await post(said(), { "X-Relay-Signature": flipped ?? "" }),
    await post(said(), { "X-Relay-Signature": "ä" }),
    await post(said({ text: "Other" }), signed(said())),
  ];

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
  expect(heard.messages()).toEqual([]);
});

test("a body that is signed and means nothing is a 400, whatever it is", async () => {
  const deep = "[".repeat(1_000) + "]".repeat(1_000);
  const bodies = ["", "{", "null", "[]", deep, '{"__proto__": {"isBot": true}}', "\ufeff{}"];

  const answers = await Promise.all(bodies.map((body) => post(body)));

  expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 400));
  expect(heard.messages()).toEqual([]);
});

test("the path says which account, and what is not there is nowhere", async () => {
  const wrong = [
    ...[`/gateway/slack/${account}`, "/gateway/relay/ch_00000000000000000000000000"],
    ...["/gateway/relay/none", `${path}/below`, `${path}/`, "/gateway/relay", "/gateway"],
    ...[`${path}/far/below`, `${path}/far/far/below`],
  ];

  const answers = await Promise.all(wrong.map((to) => post(said(), signed(said()), to)));
  const methods = await Promise.all(
    ["GET", "HEAD", "PUT", "DELETE"].map((method) => fetch(host.url + path, { method })),
  );

  expect(answers.map(({ status }) => status)).toEqual(wrong.map(() => 404));
  expect(methods.map(({ status }) => status)).toEqual([405, 405, 405, 405]);
  expect(heard.messages()).toEqual([]);
});

test("a body is taken as it is and within the adapter's limit", async () => {
  const large = said({ text: "x".repeat(65 * 1024) });
  const zipped = { ...signed(said()), "Content-Encoding": "gzip" };

  const answers = [await post(large), await post(said(), zipped)];

  expect(answers.map(({ status }) => status)).toEqual([413, 415]);
  expect(heard.messages()).toEqual([]);
});

test("large bodies that do not come take no more than their room, and small ones have their own (24)", async () => {
  const secrets = { secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` };
  const hook = await made({ name: "Hook", kind: "webhook", settings: {}, secrets });
  const to = `/gateway/webhook/${hook}`;
  const { host: name, port } = new URL(host.url);
  const head = `POST ${to} HTTP/1.1\r\nHost: ${name}\r\nContent-Length: 1000000\r\n\r\n`;
  let said = "";
  const sockets = Array.from({ length: 150 }, () => {
    const socket = connect({ port: Number(port), host: "127.0.0.1" });
    socket.on("data", (piece) => {
      said += String(piece);
    });
    socket.on("error", () => undefined);
    socket.write(head);
    return socket;
  });
  await until(
    () => said.split("HTTP/1.1 503").length - 1,
    (refused) => refused >= 5,
  );

  const small = await fetch(host.url + to, { method: "POST", body: "{}" });
  for (const socket of sockets) socket.destroy();

  expect(small.status).toBe(401);
  const large = () => fetch(host.url + to, { method: "POST", body: "x".repeat(1_000_000) });
  await until(
    async () => (await large()).status,
    (status) => status === 401,
  );
});

test("a client that goes away in its body leaves nothing", async () => {
  const { hostname, port } = new URL(host.url);
  const socket = connect(Number(port), hostname);
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: 500\r\n\r\n{`,
  );
  socket.destroy();
  await new Promise((resolve) => socket.once("close", resolve));

  expect((await post(said({ id: "m2" }))).status).toBe(200);
  expect(textsOf(heard.messages())).toEqual(["Hello?"]);
});

test("what a session cannot take now is to come again", async () => {
  heard.refuse({ code: "MAILBOX_FULL", message: "Full.", details: { retryAfterMs: 9_000 } });

  const answer = await post(said({ id: "m3" }));

  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "9"]);
});

test("a command that never comes again is answered in words when it could not be stored (38)", async () => {
  const slack = await made({
    ...{ name: "Slack", kind: "slack", settings: { api_url: "http://127.0.0.1:9/api" } },
    secrets: { bot_token: "xoxb-1", signing_secret: SLACK_SECRET },
  });
  const deliver = (body: string, type: string) =>
    post(body, signedHeaders(body, { type }), `/gateway/slack/${slack}`);
  const form = new URLSearchParams({
    ...{ command: "/status", text: "", team_id: BOT.team, channel_id: "CROOM1" },
    ...{ channel_name: "general", user_id: "UANNA1", user_name: "anna", trigger_id: "1.2.x" },
  });

  heard.refuse({ code: "STORE_FULL", message: "The disk is full." });
  const command = await deliver(`${form}`, "application/x-www-form-urlencoded");
  heard.refuse({ code: "STORE_FULL", message: "The disk is full." });
  const direct = { channel_type: "im", channel: "DX1" };
  const event = await deliver(JSON.stringify(envelopeOf(messageOf(direct))), "application/json");

  expect([command.status, await command.text()]).toEqual([200, expect.stringContaining("again")]);
  expect(event.status).toBe(503);
});

test("what no session will ever take is set aside, and does not come again", async () => {
  heard.refuse({ code: "INVALID", message: `It says ${SECRET}.` });

  const answer = await post(said({ id: "m4", text: "Odd" }));

  const rows = await host.system.tables.list(host.tenant, channelTables.parked, { limit: 10 });
  expect(answer.status).toBe(200);
  expect(rows.map(({ value }) => value)).toEqual([
    expect.objectContaining({ channel: account, reason: "INVALID: It says ***." }),
  ]);
  const [raw] = rows.map(({ value }) => (value as { readonly raw: string }).raw);
  expect(JSON.parse(raw ?? "")).toMatchObject({ text: "Odd" });
});

test("a channel that is switched off takes nothing, and one that is removed is gone", async () => {
  const id = await made({ name: "Brief" });
  const to = `/gateway/relay/${id}`;
  const open = await post(said(), signed(said()), to);
  await host.call("PATCH", `/v2/channels/${id}`, { is_active: false });
  const off = await post(said(), signed(said()), to);
  await host.call("PATCH", `/v2/channels/${id}`, { is_active: true });
  const on = await post(said(), signed(said()), to);
  await host.call("DELETE", `/v2/channels/${id}`);
  const gone = await post(said(), signed(said()), to);

  expect([open, off, on, gone].map(({ status }) => status)).toEqual([200, 503, 200, 404]);
});

test("with a new secret the old one is worth nothing, and *** keeps the stored one", async () => {
  const id = await made({ name: "Turning" });
  const to = `/gateway/relay/${id}`;
  const fresh = "a-new-secret-of-the-relay";
  await host.call("PATCH", `/v2/channels/${id}`, {
    secrets: { signing_secret: "***" },
    live: true,
  });
  const kept = await post(said(), signed(said()), to);
  await host.call("PATCH", `/v2/channels/${id}`, { secrets: { signing_secret: fresh } });
  const old = await post(said(), signed(said()), to);
  const renewed = await post(said(), signed(said(), fresh), to);

  expect([kept, old, renewed].map(({ status }) => status)).toEqual([200, 401, 200]);
});

test("a status says how an account is, and names its address at the platform", async () => {
  const { body: status } = await host.call("GET", `/v2/channels/${account}/status`);

  expect(status).toMatchObject({
    ...{ state: "open", connection: null, last_outbound_at: null },
    urls: [{ method: "POST", url: `https://troupe.example.com${path}`, path }],
    counts: { parked: 1, nacked: 1 },
  });
  expect(status.counts.refused).toBeGreaterThan(5);
  expect(JSON.stringify(status)).not.toContain(SECRET);
});

test("senders that are not on the list are not heard, and the platform is told nothing of it", async () => {
  const id = await made({ name: "Few", allow: ["u1"] });
  const to = `/gateway/relay/${id}`;
  const other = said({ from: "U1", id: "m9" });

  const answers = [await post(said(), signed(said()), to), await post(other, signed(other), to)];

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(heard.messages()).toHaveLength(1);
});

test("a code that is said on another channel links both senders, and what they say then is one person's", async () => {
  const id = await made({ name: "Second" });
  const to = `/gateway/relay/${id}`;
  const saidIn = async (path: string, text: string, from: string, at: string) => {
    const body = said({ text, from, room: from, id: at });
    await post(body, signed(body), path);
    return heard.messages().at(-1);
  };

  const given = await saidIn(path, "/link", "ann", "l1");
  const [, code = "none"] = /`\/link ([0-9A-Z-]{11})`/.exec(given?.verdict?.say ?? "") ?? [];
  const linked = await saidIn(to, `/link ${code}`, "ann.too", "l2");
  const [one, two] = [
    await saidIn(path, "Hello?", "ann", "l3"),
    await saidIn(to, "Hello?", "ann.too", "l4"),
  ];

  expect(linked?.verdict?.say).toContain("one person");
  expect(one?.event.place.person).toMatch(/^pn_/);
  expect(two?.event.place.person).toBe(one?.event.place.person);
  const { body: people } = await host.call("GET", `/v2/channels/${id}/people`);
  expect(people.data).toMatchObject([{ sender: "ann.too", person: one?.event.place.person }]);
});

test("what comes while an account is opened anew waits until it is", async () => {
  const quiet = await host.call("POST", "/v2/channels", {
    ...{ name: "Quiet", kind: "quiet", agent, settings: { api_url: "http://127.0.0.1:9" } },
  });
  const id = String(quiet.body.id);
  let release = (): void => undefined;
  const closing = new Promise<void>((begun) => {
    quietEnd.wait = () => {
      begun();
      return new Promise((resolve) => {
        release = resolve;
      });
    };
  });
  // The check of the record closes an account of its own.
  quietEnd.wait = withFirstAtOnce(quietEnd.wait);
  const changed = host.call("PATCH", `/v2/channels/${id}`, { session_ttl: 77 });
  await closing;
  quietEnd.wait = async () => undefined;
  const asked = fetch(`${host.url}/gateway/quiet/${id}`, { method: "POST", body: "x" });
  // Answered by a door that went by the account as it was before: the one of another path.
  await fetch(`${host.url}/gateway/quiet/none`);
  release();

  expect((await asked).status).toBe(200);
  expect((await changed).status).toBe(200);
});

/** The first call is over at once. */
function withFirstAtOnce(wait: () => Promise<void>): () => Promise<void> {
  let isFirst = true;
  return () => {
    if (!isFirst) return wait();
    isFirst = false;
    return Promise.resolve();
  };
}
