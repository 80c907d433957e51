// kill -9 of the real process while an agent elsewhere works for it: the task that is there is gone on
// with, cancelled when the run is, and a message that may not have arrived is the same message again.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { TaskState } from "@a2a-js/sdk";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  CLIENT_SECRET,
  createBrowser,
  type OAuthServer,
  PUBLIC_URL,
  startOAuthServer,
} from "../support/oauth-server.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type RemoteAgent, startRemoteAgent } from "../support/remote-agent.ts";
import { createGate } from "../support/scripted-llm.ts";
import type { Json } from "../support/wire-client.ts";

const WITHIN = { timeout: 20_000, interval: 20 };

let product: Product;
let remote: RemoteAgent;
let oauth: OAuthServer;

beforeAll(async () => {
  remote = await startRemoteAgent();
  oauth = await startOAuthServer();
  const config = "tools:\n  hosts: [127.0.0.1]\n";
  product = await startProduct({
    env: { TROUPE_WORKERS: "1", TROUPE_PUBLIC_URL: PUBLIC_URL },
    config,
  });
});
afterAll(async () => {
  await product.end();
  await remote.stop();
  await oauth.close();
});
beforeEach(() => remote.reset());

let count = 0;

/** A run of a team whose only member is the agent elsewhere. */
async function begin(more: object = {}): Promise<string> {
  count += 1;
  const config = { url: remote.url };
  const tool = { name: `far_${count}`, type: "remote_agent", config, ...more };
  const { id } = (await product.call("POST", "/v2/tools", tool)).body;
  const team = { name: "Desk", mode: "coordinate", members: [{ agent: id }] };
  const made = await product.call("POST", "/v2/teams", team);
  const path = `/v2/teams/${made.body.id}/runs`;
  return (await product.call("POST", path, { input: "Say hello.", mode: "background" })).body.id;
}

const runOf = async (id: string): Promise<Json> =>
  (await product.call("GET", `/v2/runs/${id}`)).body;
const statusOf = async (id: string): Promise<string> => (await runOf(id)).status;
const again = async (): Promise<void> => {
  await product.kill();
  await product.start();
};
const sent = (): number => remote.methods.filter((method) => method === "SendMessage").length;

/** The task was begun and its id is stored: it is looked at, or followed. */
const underWay = (): Promise<void> =>
  expect.poll(() => remote.methods.length, WITHIN).toBeGreaterThan(1);

/** Of the account that a run waits for. */
async function linkOf(id: string): Promise<string> {
  const stream = await product.events("GET", `/v2/runs/${id}/events`);
  let link = "";
  while (link === "") {
    const { data = "" } = (await stream.next()) ?? {};
    link = /"url":"(\/v2\/tokens\/connect\/[^"]+)"/.exec(data)?.[1] ?? "";
  }
  stream.cut();
  return link;
}

test("a task under way is taken up again by its id, and not begun twice", async () => {
  const held = createGate();
  remote.held = held;
  const id = await begin();
  await underWay();

  await again();
  const looks = remote.methods.length;
  await expect.poll(() => remote.methods.length, WITHIN).toBeGreaterThan(looks);
  held.open();
  await expect.poll(() => statusOf(id), WITHIN).toBe("completed");

  expect(JSON.stringify((await runOf(id)).result)).toContain("Heard: ");
  expect([sent(), remote.messages.length, remote.cancelled]).toEqual([1, 1, []]);
});

test("a run that is cancelled after the restart cancels the task that was begun before it", async () => {
  const held = createGate();
  remote.held = held;
  const id = await begin();
  await underWay();

  await again();
  await product.call("POST", `/v2/runs/${id}/cancel`, {});

  await expect.poll(() => statusOf(id), WITHIN).toBe("cancelled");
  await expect.poll(() => remote.cancelled.length, WITHIN).toBe(1);
  held.open();
});

test("a run that waits for a sign-in elsewhere waits on after a restart, and goes on with the same task", async () => {
  remote.state = TaskState.TASK_STATE_AUTH_REQUIRED;
  remote.say = () => "Sign in at https://login.example.com/start.";
  const id = await begin();
  await expect.poll(() => statusOf(id), WITHIN).toBe("waiting");

  await again();
  expect(await statusOf(id)).toBe("waiting");
  const looks = remote.methods.length;
  await expect.poll(() => remote.methods.length, WITHIN).toBeGreaterThan(looks);
  await remote.goOn(TaskState.TASK_STATE_COMPLETED, "Signed in and done.");
  await expect.poll(() => statusOf(id), WITHIN).toBe("completed");

  expect(JSON.stringify((await runOf(id)).result)).toContain("Signed in and done.");
  expect([sent(), remote.messages.length, remote.cancelled]).toEqual([1, 1, []]);
});

test("a member whose account nobody has connected is waited for over a restart, and asked with it then", async () => {
  await product.call("PUT", "/v2/integrations/far", {
    ...{ type: "oauth2", issuer: oauth.issuer, client_id: "troupe", client_secret: CLIENT_SECRET },
    ...{ scopes: ["openid", "offline_access"], allowed_hosts: [new URL(remote.url).host] },
    authorization_params: { prompt: "consent" },
  });
  remote.keys.clear();
  const config = { url: remote.url, auth: { token: "far" } };
  const id = await begin({ config });
  await expect.poll(() => statusOf(id), WITHIN).toBe("waiting");
  expect(remote.methods).toEqual([]);

  await again();
  const page = await createBrowser(() => product.url).confirm(`${PUBLIC_URL}${await linkOf(id)}`);
  expect(page.text).toContain("far is connected");
  await expect.poll(() => statusOf(id), WITHIN).toBe("completed");

  expect(JSON.stringify((await runOf(id)).result)).toContain("Heard: ");
  const [access] = oauth.issued;
  expect([...remote.keys]).toEqual([`Bearer ${access}`]);
});

test("a task that outlives its token is looked at with the renewed one, also when that is not taken", async () => {
  const held = createGate();
  remote.held = held;
  remote.keys.clear();
  const { data } = (await product.call("GET", "/v2/tokens?integration=far")).body;
  await product.call("DELETE", `/v2/tokens/${data[0].id}`);
  // It is not sent in the last 20 s of its life.
  oauth.accessSeconds = 21;
  const id = await begin({ config: { url: remote.url, auth: { token: "far" } } });
  await expect.poll(() => statusOf(id), WITHIN).toBe("waiting");
  await createBrowser(() => product.url).confirm(`${PUBLIC_URL}${await linkOf(id)}`);
  await underWay();
  oauth.accessSeconds = 3_600;
  await expect.poll(() => remote.keys.size, WITHIN).toBe(2);
  remote.refused.add([...remote.keys][1]);
  await expect.poll(() => remote.keys.size, WITHIN).toBe(3);
  held.open();
  await expect.poll(() => statusOf(id), WITHIN).toBe("completed");

  expect(JSON.stringify((await runOf(id)).result)).toContain("Heard: ");
  expect([sent(), remote.messages.length, remote.cancelled]).toEqual([1, 1, []]);
});

test("a token goes to an agent at the hosts it is meant for, and along no redirect", async () => {
  const asked: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    asked.push(request.headers.authorization);
    const isMoved = request.url === "/moved.json";
    response.writeHead(isMoved ? 302 : 200, { location: remote.url }).end("{}");
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  const key = "planted-key-of-the-remote";
  for (const [name, hosts] of [
    ["right", [new URL(remote.url).host, new URL(base).host]],
    ["wrong", ["agents.example.com"]],
  ] as const) {
    await product.call("PUT", `/v2/integrations/${name}`, {
      type: "api_key",
      allowed_hosts: hosts,
    });
    await product.call("POST", "/v2/tokens", { integration: name, secret: `${key}-${name}` });
  }
  remote.keys.clear();
  const ended = async (config: object): Promise<Json> => {
    const id = await begin({ config });
    await expect.poll(() => statusOf(id), WITHIN).toMatch(/^(completed|failed)$/);
    return await runOf(id);
  };

  const refused = await ended({ url: remote.url, auth: { token: "wrong" } });
  expect(JSON.stringify(refused)).toContain("not meant for this host");
  expect(remote.keys.size).toBe(0);
  const moved = await ended({ url: `${base}/moved.json`, auth: { token: "right" } });
  expect(moved.status).toBe("failed");
  expect([asked, [...remote.keys]]).toEqual([[`Bearer ${key}-right`], []]);
  const right = await ended({ url: remote.url, auth: { token: "right" } });
  expect([right.status, [...remote.keys]]).toEqual(["completed", [`Bearer ${key}-right`]]);
  expect(JSON.stringify([refused, moved, right])).not.toContain(key);
  elsewhere.closeAllConnections();
  elsewhere.close();
});

test.each([
  ["safe", "completed", 1],
  ["never", "failed", 0],
] as const)(
  "a message under way is with repeat %s the same one again, or none: the run is %s",
  async (repeat, status, repeated) => {
    const arrived = createGate();
    let isFirst = true;
    remote.before = async (method) => {
      if (method !== "SendMessage" || !isFirst) return;
      isFirst = false;
      await arrived.wait(new AbortController().signal);
    };
    const id = await begin({ repeat });
    await arrived.reached;

    await again();
    await expect.poll(() => statusOf(id), WITHIN).toBe(status);
    arrived.open();
    await expect.poll(() => remote.messages.length, WITHIN).toBe(1 + repeated);

    expect(sent()).toBe(1 + repeated);
    expect(new Set(remote.messages.map(({ messageId }) => messageId)).size).toBe(1);
    if (status === "failed") expect((await runOf(id)).error.code).toBe("STEP_UNKNOWN");
  },
);
