// A client is told of the end of its task: where and with what it said, signed, again until it is taken;
// and what it said is shown to nobody.

import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type TaskPushNotificationConfig, TaskState } from "@a2a-js/sdk";
import { legacyPushNotificationToV1StreamResponse } from "@a2a-js/sdk/compat/v0_3";
import { RequestMalformedError, TaskNotFoundError } from "@a2a-js/sdk/errors";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { a2aClient, bindings, sendTask, userMessage } from "../../support/a2a-client.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate, type Gate } from "../../support/scripted-llm.ts";

const WITHIN = { timeout: 20_000, interval: 10 };
const answer = "You can export from Settings.";

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let host: HttpHost;
let agent = "";
let receiver: Server;
let url = "";
let gate: Gate;
const deliveries: Delivery[] = [];
let statuses: number[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      deliveries.push({ headers: request.headers, body });
      response.writeHead(statuses.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  host = await startHttpHost();
  const made = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  agent = made.body.id;
});
afterAll(async () => {
  await host.stop();
  await new Promise((resolve) => receiver.close(resolve));
});
afterEach(() => {
  deliveries.length = 0;
  statuses = [];
  host.llm.script = () => answer;
});

function hold(): void {
  gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return answer;
  };
}

const clientOf = (binding: (typeof bindings)[number]) =>
  a2aClient({ url: host.url, key: host.key, agent }, binding);
const config = (taskId: string, more: object = {}): TaskPushNotificationConfig => ({
  ...{ tenant: "", id: "", taskId, url, token: "token-of-client" },
  authentication: { scheme: "Bearer", credentials: "credentials-of-client" },
  ...more,
});

test.each(bindings)("%s: a configuration is made, read, listed and removed", async (binding) => {
  hold();
  const client = await clientOf(binding);
  const { id } = await sendTask(client, userMessage("How?"), { returnImmediately: true });
  const of = { tenant: "", taskId: id };

  const made = await client.createTaskPushNotificationConfig(config(id, { id: "mine" }));
  const read = await client.getTaskPushNotificationConfig({ ...of, id: "mine" });
  const page = { pageSize: 0, pageToken: "" };
  const listed = await client.listTaskPushNotificationConfig({ ...of, ...page });
  await client.deleteTaskPushNotificationConfig({ ...of, id: "mine" });
  const gone = client.getTaskPushNotificationConfig({ ...of, id: "mine" });

  await expect(gone).rejects.toBeInstanceOf(TaskNotFoundError);
  expect(made).toMatchObject({ id: "mine", taskId: id, url });
  expect([read, listed.configs]).toEqual([made, [made]]);
  expect(JSON.stringify([made, read, listed])).not.toMatch(/-of-client/);
  gate.open();
  const ended = async () => (await host.call("GET", `/v2/runs/${id}`)).body.status;
  await expect.poll(ended, WITHIN).toBe("completed");
  const told = async () => (await host.call("GET", "/v2/runs?kind=webhook")).body.data[0].status;
  await expect.poll(told, WITHIN).toBe("failed");
  expect(deliveries).toEqual([]);
});

test.each(bindings)(
  "%s: the end is told with the token, signed, until it is taken",
  async (binding) => {
    hold();
    const client = await clientOf(binding);
    const { id, contextId } = await sendTask(client, userMessage("How?"), {
      ...{ returnImmediately: true, taskPushNotificationConfig: config("") },
    });
    const { secret } = (await host.call("GET", "/v2/webhooks/secret")).body;
    statuses = [503];

    gate.open();
    await expect.poll(() => deliveries.length, WITHIN).toBe(2);

    const [first, last] = deliveries as [Delivery, Delivery];
    expect(first.headers["webhook-id"]).toBe(last.headers["webhook-id"]);
    const headers = last.headers as Record<string, string>;
    const body = new Webhook(secret).verify(last.body, headers) as { readonly task: object };
    expect(headers).toMatchObject({
      "x-a2a-notification-token": "token-of-client",
      authorization: "Bearer credentials-of-client",
    });
    if (binding === "JSON-RPC 0.3") {
      const { payload } = legacyPushNotificationToV1StreamResponse(body);
      expect(payload?.value).toMatchObject({ id, contextId });
      expect(payload?.value).toMatchObject({ status: { state: TaskState.TASK_STATE_COMPLETED } });
      return;
    }
    expect(body.task).toMatchObject({
      ...{ id, contextId, status: { state: "TASK_STATE_COMPLETED" } },
      artifacts: [{ artifactId: "answer", parts: [{ text: answer }] }],
    });
  },
);

test("of a task that has ended its end is told at once", async () => {
  const client = await clientOf("JSON-RPC 1.0");
  const { id } = await sendTask(client, userMessage("How?"));

  await client.createTaskPushNotificationConfig(config(id));

  await expect.poll(() => deliveries.length, WITHIN).toBe(1);
  expect(JSON.parse(deliveries[0]?.body ?? "")).toMatchObject({ task: { id } });
});

test("what the client wants to know it by is in no run, record or list", async () => {
  const client = await clientOf("HTTP+JSON 1.0");
  const { id } = await sendTask(client, userMessage("How?"), {
    taskPushNotificationConfig: config(""),
  });
  await expect.poll(() => deliveries.length, WITHIN).toBe(1);

  const { data } = (await host.call("GET", "/v2/runs?kind=webhook")).body;
  const seen = [await host.call("GET", `/v2/runs/${id}/record`)];
  for (const run of data) seen.push(await host.call("GET", `/v2/runs/${run.id}/record`));

  expect(data.length).toBeGreaterThan(0);
  expect(JSON.stringify([data, seen])).not.toMatch(/-of-client/);
});

test("addresses that are none, secrets that break a header and an eleventh are refused", async () => {
  const client = await clientOf("JSON-RPC 1.0");
  const { id } = await sendTask(client, userMessage("How?"));
  const wrong = [
    { url: "ftp://example.com/" },
    { url: "http://user:word@example.com/" },
    { url: "push:rn_1.x" },
    { token: "a\r\nX-Evil: 1" },
    { id: "a.b" },
  ];

  for (const one of wrong) {
    const made = client.createTaskPushNotificationConfig(config(id, one));
    await expect(made, JSON.stringify(one)).rejects.toBeInstanceOf(RequestMalformedError);
  }
  for (let n = 0; n < 10; n += 1) {
    await client.createTaskPushNotificationConfig(config(id, { id: `c${n}` }));
  }
  await expect(client.createTaskPushNotificationConfig(config(id))).rejects.toThrow(/at most 10/);
});
