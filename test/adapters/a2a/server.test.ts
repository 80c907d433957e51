// The official client of A2A is the judge of the server: 1.0 by JSON-RPC and by HTTP+JSON, 0.3 by JSON-RPC.

import { Role, type Task, TaskState } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import {
  ContentTypeNotSupportedError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import {
  a2aClient,
  allOf,
  answerText,
  type Binding,
  bindings,
  readEvents,
  sending,
  sendTask,
  userMessage,
} from "../../support/a2a-client.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";

const answer = "You can export from Settings.";
const {
  TASK_STATE_CANCELED: CANCELED,
  TASK_STATE_COMPLETED: COMPLETED,
  TASK_STATE_FAILED: FAILED,
  TASK_STATE_INPUT_REQUIRED: INPUT_REQUIRED,
  TASK_STATE_WORKING: WORKING,
} = TaskState;

let host: HttpHost;
let agent = "";
let asking = "";

beforeAll(async () => {
  host = await startHttpHost();
  agent = (await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" })).body.id;
  const made = await host.call("POST", "/v2/workflows", {
    name: "Pays",
    graph_definition: {
      nodes: [
        {
          id: "ask",
          type: "approval",
          reason: "It costs.",
          arguments: '{"n": input.n}',
          save: "answer",
        },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "ask", to: "end" }],
    },
    state_schema: { properties: { answer: {} } },
    output: "answer",
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  asking = made.body.id;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => answer;
});

const clientOf = (binding: Binding, of = agent, key = host.key): Promise<Client> =>
  a2aClient({ url: host.url, key, agent: of }, binding);
const get = (client: Client, id: string): Promise<Task> => client.getTask({ tenant: "", id });
const stateOf = (task: Task): TaskState | undefined => task.status?.state;

describe.each(bindings)("%s", (binding) => {
  test("a message is answered by a task that has the answer, its context and what was said", async () => {
    const client = await clientOf(binding);

    const task = await sendTask(client, userMessage("How do I export?"));

    expect(stateOf(task)).toBe(COMPLETED);
    expect(answerText(task)).toBe(answer);
    expect(task.id).toMatch(/^rn_/);
    expect(task.contextId).toMatch(/^cv_/);
    expect(task.history.map(({ parts }) => parts[0]?.content?.value)).toEqual(["How do I export?"]);
    const { body } = await host.call("GET", `/v2/runs/${task.id}`);
    expect(body).toMatchObject({ agent_key: agent, conversation_key: task.contextId });
    expect(await get(client, task.id)).toEqual(task);
  });

  test("a message in a context is another task of the same conversation", async () => {
    const client = await clientOf(binding);
    const first = await sendTask(client, userMessage("one"));

    const second = await sendTask(client, userMessage("two", { contextId: first.contextId }));

    expect(second.contextId).toBe(first.contextId);
    expect(second.id).not.toBe(first.id);
    expect(host.llm.requests.at(-1)?.messages.map(({ content }) => content)).toContain("one");
  });

  test("a stream begins with the task, gives the answer in pieces and ends with the end", async () => {
    host.llm.script = ({ write }) => {
      write("You can ");
      return answer;
    };
    const client = await clientOf(binding);

    const events = await allOf(client.sendMessageStream(sending(userMessage("How?"))));

    const { first, states, text } = readEvents(events);
    expect(first).toMatchObject({ id: expect.stringMatching(/^rn_/) });
    expect([states, text]).toEqual([[WORKING, COMPLETED], answer]);
  });

  test("the same message sent again is the same task, and the model is asked once", async () => {
    const client = await clientOf(binding);
    const message = userMessage("Once.");
    const before = host.llm.requests.length;

    const [one, two] = await Promise.all([sendTask(client, message), sendTask(client, message)]);
    const three = await sendTask(client, message);

    expect([two.id, three.id]).toEqual([one.id, one.id]);
    expect(host.llm.requests.length - before).toBe(1);
  });

  test("a task that goes on is followed from the start by whoever comes, in the same order", async () => {
    const gate = createGate();
    host.llm.script = async ({ write, signal }) => {
      write("You can ");
      await gate.wait(signal);
      return answer;
    };
    const client = await clientOf(binding);
    const task = await sendTask(client, userMessage("How?"), { returnImmediately: true });
    await gate.reached;
    const watched = [
      client.resubscribeTask({ tenant: "", id: task.id }),
      client.resubscribeTask({ tenant: "", id: task.id }),
    ];
    const heads = await Promise.all(watched.map(async (events) => (await events.next()).value));

    gate.open();
    const rest = await Promise.all(watched.map((events) => allOf(events)));

    expect(stateOf(task)).not.toBe(COMPLETED);
    expect(heads.map((head) => head?.payload?.$case)).toEqual(["task", "task"]);
    for (const events of rest) {
      expect(readEvents(events)).toMatchObject({ states: [WORKING, COMPLETED], text: answer });
    }
  });

  test("a task is cancelled, and then no more", async () => {
    const gate = createGate();
    host.llm.script = async ({ signal }) => {
      await gate.wait(signal);
      return answer;
    };
    const client = await clientOf(binding);
    const { id } = await sendTask(client, userMessage("How?"), { returnImmediately: true });
    await gate.reached;

    const cancelled = await client.cancelTask({ tenant: "", id, metadata: undefined });

    expect(stateOf(cancelled)).toBe(CANCELED);
    const again = client.cancelTask({ tenant: "", id, metadata: undefined });
    await expect(again).rejects.toBeInstanceOf(TaskNotCancelableError);
    const follow = client.resubscribeTask({ tenant: "", id }).next();
    await expect(follow).rejects.toBeInstanceOf(UnsupportedOperationError);
  });

  test("a run that fails is a failed task that says why", async () => {
    host.llm.script = () => {
      throw new RuntimeError("PROVIDER_FAILED", "The provider refused.");
    };
    const client = await clientOf(binding);

    const task = await sendTask(client, userMessage("How?"));

    expect(stateOf(task)).toBe(FAILED);
    expect(task.status?.message?.parts[0]?.content?.value).toContain("The provider refused.");
    expect(stateOf(await get(client, task.id))).toBe(FAILED);
  });

  test("what a person has to decide makes it input-required, and a message to the task decides", async () => {
    const client = await clientOf(binding, asking);

    const task = await sendTask(client, userMessage({ n: 7 }));
    const unclear = sendTask(client, userMessage("maybe", { taskId: task.id }));
    await expect(unclear).rejects.toThrow(/approve/);
    const reply = userMessage("approve", { taskId: task.id, contextId: task.contextId });
    const done = await sendTask(client, reply);

    expect(stateOf(task)).toBe(INPUT_REQUIRED);
    const asked = task.status?.message?.parts.map(({ content }) => content?.value);
    expect(asked).toEqual([
      expect.stringContaining("It costs."),
      expect.objectContaining({ arguments: { n: 7 } }),
    ]);
    expect([done.id, stateOf(done)]).toEqual([task.id, COMPLETED]);
    expect(answerText(done)).toContain('"approved":true');
    expect((await sendTask(client, reply)).id).toBe(task.id);
    const { body } = await host.call("GET", `/v2/approvals?run_id=${task.id}`);
    expect(body.data).toMatchObject([{ status: "approved" }]);
  });

  test("a stream goes on after a decision by data, to its end", async () => {
    const client = await clientOf(binding, asking);
    const events = client.sendMessageStream(sending(userMessage({ n: 8 })));
    const seen = [];
    for await (const event of events) {
      seen.push(event);
      const { payload } = event;
      if (payload?.$case !== "statusUpdate" || payload.value.status?.state !== INPUT_REQUIRED)
        continue;
      const decision = { decision: "reject", note: "Too much." };
      const said = userMessage(decision, { taskId: payload.value.taskId });
      await sendTask(client, said, { returnImmediately: true });
    }

    const { states, text } = readEvents(seen);
    expect(states).toEqual([WORKING, INPUT_REQUIRED, WORKING, COMPLETED]);
    expect(text).toContain('"approved":false');
  });

  test("a key that may not decide approvals does not by way of a task", async () => {
    const key = await host.makeKey(["a2a"]);
    const client = await clientOf(binding, asking, key);
    const task = await sendTask(client, userMessage({ n: 9 }));

    const decided = sendTask(client, userMessage("approve", { taskId: task.id }));

    await expect(decided).rejects.toThrow();
    expect(stateOf(await get(client, task.id))).toBe(INPUT_REQUIRED);
  });

  test("tasks of others are not found: another tenant's, another agent's", async () => {
    const client = await clientOf(binding);
    const task = await sendTask(client, userMessage("Mine."));
    const others = await host.call(
      "POST",
      "/v2/agents",
      { name: "Theirs" },
      { key: host.otherKey },
    );
    const neighbour = await host.call("POST", "/v2/agents", { name: "Next" });
    const strangers = [
      await clientOf(binding, others.body.id, host.otherKey),
      await clientOf(binding, neighbour.body.id),
    ];

    for (const stranger of strangers) {
      const asked = { tenant: "", id: task.id };
      await expect(get(stranger, task.id)).rejects.toBeInstanceOf(TaskNotFoundError);
      await expect(stranger.cancelTask({ ...asked, metadata: undefined })).rejects.toBeInstanceOf(
        TaskNotFoundError,
      );
      await expect(stranger.resubscribeTask(asked).next()).rejects.toBeInstanceOf(
        TaskNotFoundError,
      );
      const said = sendTask(stranger, userMessage("Go on.", { contextId: task.contextId }));
      await expect(said).rejects.toThrow();
    }
    await expect(clientOf(binding, agent, host.otherKey)).rejects.toThrow();
  });

  test("files, an empty message and an ended task are refused as the protocol has it", async () => {
    const client = await clientOf(binding);
    const task = await sendTask(client, userMessage("First."));
    const file = userMessage("x");
    const [part] = file.parts;
    if (part !== undefined) part.content = { $case: "url", value: "https://example.com/a.pdf" };

    await expect(sendTask(client, file)).rejects.toBeInstanceOf(ContentTypeNotSupportedError);
    await expect(sendTask(client, userMessage("  "))).rejects.toBeInstanceOf(RequestMalformedError);
    const late = sendTask(client, userMessage("More.", { taskId: task.id }));
    await expect(late).rejects.toBeInstanceOf(UnsupportedOperationError);
  });
});

describe.each(bindings.slice(0, 2))("%s", (binding) => {
  test("tasks are listed in pages, by context and by state", async () => {
    const client = await clientOf(binding);
    const first = await sendTask(client, userMessage("1"));
    const { contextId } = first;
    for (const said of ["2", "3"]) await sendTask(client, userMessage(said, { contextId }));
    const asked = { tenant: "", contextId, status: COMPLETED, statusTimestampAfter: undefined };

    const page = await client.listTasks({
      ...asked,
      pageSize: 2,
      pageToken: "",
      includeArtifacts: true,
    });
    const next = await client.listTasks({ ...asked, pageSize: 2, pageToken: page.nextPageToken });
    const failed = await client.listTasks({ ...asked, status: FAILED, pageToken: "" });

    expect([page.tasks.length, page.totalSize, next.tasks.length]).toEqual([2, 3, 1]);
    expect(next.tasks[0]?.id).toBe(first.id);
    expect([page.tasks.map(answerText), next.tasks.map(answerText)]).toEqual([
      [answer, answer],
      [""],
    ]);
    expect([next.nextPageToken, failed.tasks]).toEqual(["", []]);
  });

  test("a role that is no user's, another message's id and a time that is none are refused", async () => {
    const client = await clientOf(binding);
    const [first, noRole] = [userMessage("First."), userMessage("Whose?")];
    await sendTask(client, first);
    const list = { tenant: "", contextId: "", status: COMPLETED, pageToken: "" };

    const refusals = [
      sendTask(client, { ...noRole, role: Role.ROLE_UNSPECIFIED }),
      sendTask(client, userMessage("Other.", { messageId: first.messageId })),
      client.listTasks({ ...list, statusTimestampAfter: "-1" }),
    ];

    const said = await Promise.all(
      refusals.map((one) =>
        one.then(
          () => "",
          (error) => error.message,
        ),
      ),
    );
    expect(said).toEqual([
      expect.stringContaining("message.role is ROLE_USER"),
      expect.stringContaining("message.messageId was that of another message"),
      expect.stringContaining("statusTimestampAfter must be a time"),
    ]);
  });

  test("the extended card has the agent's sub-agents as skills", async () => {
    const made = await host.call("POST", "/v2/agents", { name: "Wide" });
    const sub = { name: "Refunds", trigger: { description: "Money back.", keywords: ["refund"] } };
    await host.call("POST", `/v2/agents/${made.body.id}/sub-agents`, sub);
    const client = await clientOf(binding, made.body.id);

    const card = await client.getAgentCard();

    expect(card.skills.map(({ name }) => name)).toEqual(["Wide", "Refunds"]);
  });
});
