// `troupe gateway` as processes of their own: several of them before one server, a file that changes while they
// run, the doctor, an agent of a gateway's own, and a gateway inside another program.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimLimits } from "../../adapters/channels/claims.ts";
import { examineGateway } from "../../adapters/cli/gateway-doctor.ts";
import { parseGatewayFile } from "../../adapters/gateway/file.ts";
import {
  listed,
  loopback,
  madeAgent,
  repliesTo,
  type SlackSaid,
  sayAtSlack,
  startChannelProduct,
  until,
} from "../support/channels/channel-desk.ts";
import {
  doctorOf,
  type GatewayFolder,
  type GatewayProcess,
  gatewayFolder,
  startGateway,
} from "../support/channels/gateway-process.ts";
import { deliverEvent, SECRET as SLACK_SECRET } from "../support/channels/slack-sender.ts";
import { type SlackServer, startSlack } from "../support/channels/slack-server.ts";
import { TOKEN } from "../support/channels/slack-workspace.ts";
import { freePort } from "../support/channels/storm.ts";
import { SECRET as WEBHOOK_SECRET } from "../support/channels/webhook-account.ts";
import type { Product } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const GATEWAYS = 3;
const EVENTS = 30;
const ROOMS = 6;
/** Slack's schedule runs so many times as fast, and waits so long for an answer. */
const SCHEDULE = { scale: 60, timeoutMs: 3_000 } as const;

let product: Product;
let slack: SlackServer;
const folders: GatewayFolder[] = [];
const running = new Set<GatewayProcess>();

beforeAll(async () => {
  slack = await startSlack();
  for (let n = 0; n < ROOMS; n += 1) slack.workspace.rooms.set(`CSPRAY${n}`, []);
  product = await startChannelProduct({ config: loopback });
  await madeAgent(product, "Support");
});
afterAll(async () => {
  await Promise.all([...running].map((one) => one.kill()));
  await Promise.all(folders.map((folder) => folder.remove()));
  await product.end();
  await slack.stop();
});

/** A file that names the server. */
function yamlOf(more: { name?: string; ttl?: number; secret?: string; url?: string } = {}): string {
  const { name = "desk", ttl = 7_200, secret = SLACK_SECRET, url = product.url } = more;
  return `server:
  url: ${url}
  key: ${product.adminKey}
  tenant: tn_default
  agent: Support
session_ttl: ${ttl}
channels:
  ${name}:
    kind: slack
    bot_token: ${TOKEN}
    signing_secret: ${secret}
    api_url: ${slack.apiUrl}
`;
}

async function folderOf(yaml: string): Promise<GatewayFolder> {
  const folder = await gatewayFolder(yaml);
  folders.push(folder);
  return folder;
}

async function started(folder: GatewayFolder, port?: number): Promise<GatewayProcess> {
  const one = await startGateway(folder, port);
  running.add(one);
  return one;
}

async function channelNamed(name: string): Promise<Json> {
  const { body } = await product.call("GET", `/v2/channels?name=${name}`);
  return body.data[0];
}

test("events sprayed over three gateways, one of which dies, are answered once each", async () => {
  const ports = await Promise.all(Array.from({ length: GATEWAYS }, () => freePort()));
  const made = await Promise.all(ports.map(() => folderOf(yamlOf())));
  // At once: none of them finds the channel, and there is one in the end.
  const gateways = await Promise.all(made.map((folder, at) => started(folder, ports[at])));
  const urlOf = (at: number): string => `http://127.0.0.1:${ports[at % GATEWAYS]}/gateway/desk`;

  const said: SlackSaid[] = [];
  const deliveries: Promise<unknown>[] = [];
  const spray = (from: number, to: number): void => {
    for (let n = from; n < to; n += 1) {
      const one = sayAtSlack(slack, `spray ${n}`, { room: `CSPRAY${n % ROOMS}` });
      said.push(one);
      for (const at of [n, n + 1]) deliveries.push(deliverEvent(urlOf(at), one.envelope, SCHEDULE));
    }
  };
  spray(0, EVENTS / 2);
  const [first] = gateways;
  if (first === undefined || made[0] === undefined) throw new Error("There is no gateway.");
  running.delete(first);
  await first.kill();
  spray(EVENTS / 2, EVENTS);
  await started(made[0], ports[0]);
  await Promise.all(deliveries);
  const counts = (): readonly number[] =>
    said.map(({ ts }, n) => repliesTo(slack, ts, `CSPRAY${n % ROOMS}`).length);
  await until(counts, (all) => all.every((count) => count > 0));

  const { id } = await channelNamed("desk");
  await until(
    async () => (await listed(product, id, "deliveries?status=sent")).length,
    (sent) => sent === EVENTS,
  );
  expect(counts()).toEqual(said.map(() => 1));
  expect(await listed(product, id, "sessions")).toHaveLength(EVENTS);
  expect((await product.call("GET", "/v2/channels?limit=10")).body.data).toHaveLength(1);
});

test("a file that changes is taken anew, a broken one is told of with its place, and sessions go on", async () => {
  const folder = await folderOf(yamlOf({ name: "renewed" }));
  const gateway = await started(folder);
  const url = `${gateway.url}/gateway/renewed`;
  const root = sayAtSlack(slack, "before", { room: "CROOM2" });
  const replies = (count: number) =>
    until(
      () => repliesTo(slack, root.ts, "CROOM2"),
      ({ length }) => length === count,
    );
  const goOn = (text: string) =>
    deliverEvent(url, sayAtSlack(slack, text, { room: "CROOM2", thread: root.ts }).envelope);
  await deliverEvent(url, root.envelope);
  await replies(1);
  const { id } = await channelNamed("renewed");

  await folder.write(yamlOf({ name: "renewed", ttl: 3_600 }));
  gateway.hangup();
  await until(
    async () => (await channelNamed("renewed")).session_ttl,
    (ttl) => ttl === 3_600,
  );
  await goOn("after a change");
  await replies(2);

  await folder.write(`${yamlOf({ name: "renewed", ttl: 1_800 })}    api_irl: x\n`);
  gateway.hangup();
  const told = await until(gateway.output, (text) => text.includes("stay as they were"));
  expect(told).toMatch(/\.troupe\/gateway\.yaml:13:14: .*"api_irl"/);
  expect(told).not.toContain(SLACK_SECRET);
  await goOn("with a broken file");
  await replies(3);

  expect((await channelNamed("renewed")).session_ttl).toBe(3_600);
  const [session, ...others] = await listed(product, id, "sessions");
  expect(others).toEqual([]);
  expect(await product.history(session.conversation_key)).toHaveLength(6);
  running.delete(gateway);
  expect(await gateway.stop()).toBe(0);
});

const told = async (yaml: string): Promise<string> => {
  const all = await examineGateway(await parseGatewayFile("gateway.yaml", yaml, {}), tmpdir());
  return all.map(({ ok, name, text, help }) => `${ok} ${name}: ${text} (${help})`).join("\n");
};
const everything = async (): Promise<unknown> => {
  const lists = ["/v2/channels", "/v2/agents"].map((path) => product.call("GET", path));
  return (await Promise.all(lists)).map(({ body }) => body);
};

test("the doctor says what is wrong and how to put it right, and changes nothing", async () => {
  const before = await everything();
  const well = yamlOf({ name: "doctored" });
  const low = await product.call("POST", "/admin/keys", { name: "low", role: "viewer" });

  const [fine, fineCode] = await doctorOf(await folderOf(well));
  expect([fineCode, fine]).toEqual([0, expect.stringContaining("Nothing is wrong.")]);
  const [token, tokenCode] = await doctorOf(await folderOf(well.replace(TOKEN, "xoxb-wrong")));
  expect([tokenCode, token]).toEqual([1, expect.stringContaining("WRONG doctored: ")]);
  expect(token).toContain("invalid_auth");
  expect(token).not.toContain("xoxb-wrong");
  expect(await told(well.replace(product.adminKey, "no-such-key"))).toMatch(
    /^false key: .*\(The server does not know the key/m,
  );
  const lowKey = well.replace(/key: .*\n.*tenant.*\n/, `key: ${low.body.key}\n`);
  expect(await told(lowKey)).toMatch(/^false doctored: .*"resources.write".*\(Give the key/m);
  expect(await told(well.replace("agent: Support", "agent: Nobody"))).toMatch(
    /^false agent: There is no .*"Nobody"\. \(Make it/m,
  );
  const away = `http://127.0.0.1:${await freePort()}`;
  expect(await told(yamlOf({ url: away }))).toMatch(
    /^false server: No server answers .*ECONNREFUSED.* \(Start the server, or correct/m,
  );
  expect(await told(yamlOf({ url: slack.apiUrl }))).toMatch(/^false server: .*no Troupe server/m);
  expect(await told(well.replace(slack.apiUrl, away))).toMatch(
    /^false doctored: Slack could not be asked .*\(Look at the network, at api_url/m,
  );
  expect(await everything()).toEqual(before);
});

test("mail servers that are away, and an agent of one's own, are looked at without a server", async () => {
  const port = await freePort();
  const provider = `http://127.0.0.1:${port}/v1`;
  const said =
    await told(`agent: {name: own, provider: openai, api_key: sk-own, base_url: "${provider}"}
hosts: [127.0.0.1]
channels:
  post:
    kind: email
    address: desk@example.test
    user: desk
    password: secret-of-the-desk
    imap_host: 127.0.0.1
    imap_port: ${port}
    smtp_host: 127.0.0.1
    smtp_port: ${port}
`);
  expect(said).toMatch(/^false provider: openai: .* does not answer/m);
  expect(said).toMatch(/^false post: IMAP at 127.0.0.1:\d+: .*\(Nothing listens on/m);
  expect(said).toMatch(/^false post: SMTP at 127.0.0.1:\d+: .*\(Nothing listens on/m);
  expect(said).not.toMatch(/secret-of-the-desk|sk-own/);
});

const signed = (body: object, id: string): RequestInit => {
  const raw = JSON.stringify(body);
  const at = new Date();
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(WEBHOOK_SECRET).sign(id, at, raw),
    "content-type": "application/json",
  };
  return { method: "POST", headers, body: raw };
};

/** Posts a message and fetches its answer from where the 202 says. */
async function answered(base: string, text: string): Promise<string> {
  const message = { conversation: "c1", user: "ann", text, id: text };
  const accepted = await fetch(base, signed(message, text.replaceAll(" ", "-")));
  expect(accepted.status).toBe(202);
  const { status_path: path } = (await accepted.json()) as Json;
  const { messages } = (await (await fetch(`${base}${path}&wait=20`)).json()) as Json;
  return JSON.stringify(messages);
}

test("a gateway with an agent of its own answers without a server and a key, and after a restart", async () => {
  const folder = await folderOf(`agent:
  name: local
  system_prompt: You are kind.
channels:
  hook:
    kind: webhook
    secret: ${WEBHOOK_SECRET}
    reply: poll
`);
  const first = await started(folder);
  expect(await answered(`${first.url}/gateway/hook`, "Hello there")).toMatch(/"text":"[^"]+"/);
  running.delete(first);
  await first.kill();
  const second = await started(folder);
  expect(await answered(`${second.url}/gateway/hook`, "And again")).toMatch(/"text":"[^"]+"/);
  running.delete(second);
  expect(await second.stop()).toBe(0);
});

test("a gateway inside another program starts, answers an event and stops", async () => {
  // As users import it: by the package's own name.
  const name = "troupe/gateway";
  const { Gateway, slack: slackOf } = (await import(name)) as Json;
  const folder = await mkdtemp(join(tmpdir(), "troupe-embedded-"));
  const gateway = new Gateway(
    { name: "support-agent", systemPrompt: "You are a helpful support agent." },
    { sessionTtl: 7_200, hosts: ["127.0.0.1"] },
    folder,
  );
  gateway.addChannel(
    slackOf({ botToken: TOKEN, signingSecret: SLACK_SECRET, apiUrl: slack.apiUrl }),
  );
  try {
    const url = await gateway.start({ host: "127.0.0.1", port: 0 });
    const said = sayAtSlack(slack, "/status");
    expect(await deliverEvent(`${url}/gateway/slack`, said.envelope)).toEqual([
      { num: 0, result: 200 },
    ]);
    const [reply] = await until(
      () => repliesTo(slack, said.ts),
      ({ length }) => length === 1,
    );
    expect(reply?.text).toContain("Under way: 0");
  } finally {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

test("a gateway that could not start is started again when what was missing is there", async () => {
  const name = "troupe/gateway";
  const { Gateway } = (await import(name)) as Json;
  const server = { url: product.url, key: product.adminKey, tenant: "tn_default" };
  const gateway = new Gateway({ server, agent: "Latecomer" });
  try {
    await expect(gateway.start({ port: 0 })).rejects.toThrow('named "Latecomer"');
    await madeAgent(product, "Latecomer");
    expect(await gateway.start({ port: 0 })).toMatch(/^http:/);
  } finally {
    await gateway.stop();
  }
});

test("a channel that leaves the file is switched off and keeps its sessions, and is on again when it is named", async () => {
  const both = `${yamlOf({ name: "staying" })}  going:
    kind: webhook
    secret: ${WEBHOOK_SECRET}
    reply: poll
`;
  const named = both.replace(/^server:/, "name: leaving\nserver:");
  const folder = await folderOf(named);
  const gateway = await started(folder);
  expect(await answered(`${gateway.url}/gateway/going`, "Hello")).toMatch(/"text":"[^"]+"/);
  const { id, managed_by: owner } = await channelNamed("going");
  const isActive = async (is: boolean): Promise<void> => {
    const wait = (channel: Json) => (channel.is_active !== false) === is;
    await until(() => channelNamed("going"), wait, claimLimits.lifeMs + 20_000);
  };

  await folder.write(yamlOf({ name: "staying" }).replace(/^server:/, "name: leaving\nserver:"));
  gateway.hangup();
  await isActive(false);
  expect(await listed(product, id, "sessions")).toHaveLength(1);
  expect((await channelNamed("staying")).is_active).not.toBe(false);
  await folder.write(named);
  gateway.hangup();
  await isActive(true);

  expect([owner, (await channelNamed("going")).id]).toEqual(["leaving", id]);
  running.delete(gateway);
  expect(await gateway.stop()).toBe(0);
});
