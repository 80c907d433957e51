// Teams through the door: what a client of the platform, and one of OpenAI's protocol, sees of them.

import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { TeamEvent } from "../../../actors/records/team-event.ts";
import { isAside } from "../../../runtime/frame.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { nameOf } from "../../support/team-test.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
const ids = new Map<string, string>();
const idOf = (name: string): string => ids.get(name) ?? "";

beforeAll(async () => {
  host = await startHttpHost();
  for (const name of ["Ann", "Ben", "Lee"]) {
    const body = { name, system_message: `#${name}`, model_name: "m-1" };
    ids.set(name, (await host.call("POST", "/v2/agents", body)).body.id);
  }
});
afterAll(() => host.stop());
const says = (): void => {
  host.llm.script = ({ request }) => `${nameOf(request)} says so.`;
};
beforeAll(says);
afterEach(says);

async function makeTeam(more: object = {}): Promise<string> {
  const members = [{ agent: idOf("Ann") }, { agent: idOf("Ben") }];
  const made = await host.call("POST", "/v2/teams", {
    name: "Desk",
    mode: "coordinate",
    members,
    ...more,
  });
  expect(made.status).toBe(201);
  return made.body.id;
}

test("a team is asked and answers, for the price of one answer", async () => {
  const team = await makeTeam({ leader: idOf("Lee") });
  const before = await host.balance();

  const { status, body } = await host.call("POST", `/v2/teams/${team}/runs`, { input: "Well?" });

  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: "completed",
    response: "Lee says so.",
    agent_key: team,
    usage: { prompt_tokens: 30, completion_tokens: 15 },
    routing_info: { selected_action: "TEAM", method: "team", action_name: "Desk" },
  });
  const single = await host.call("POST", `/v2/agents/${idOf("Ann")}/runs`, { input: "Well?" });
  expect(before - (await host.balance())).toBe(2 * single.body.cost.tokens * 1_000_000);
  const conversations = await host.call("GET", "/v2/conversations");
  expect(conversations.body.data).toContainEqual(expect.objectContaining({ agent_key: team }));
});

test("the events of a run show every member live, and again to who comes later", async () => {
  const team = await makeTeam({ leader: idOf("Lee") });

  const stream = await host.events("POST", `/v2/teams/${team}/runs`, {
    input: "Well?",
    mode: "stream",
  });
  const live = (await stream.rest()).map(({ data }) => JSON.parse(data) as Json);
  const { run } = live.at(-1);
  const later = await host.events("GET", `/v2/runs/${run}/events`);
  const again = (await later.rest()).map(({ data }) => JSON.parse(data) as Json);

  for (const frames of [live, again]) {
    const members = frames.flatMap(({ event }: { event?: TeamEvent }) =>
      event?.type === "member" && event.state === "started" ? [event] : [],
    );
    expect(members.map(({ member }) => member)).toEqual(["Ann", "Ben"]);
    for (const { member, run: of } of members) {
      const ends = frames.filter(
        ({ type, run: by }) => type === "text-end" && by?.startsWith(`${of}`),
      );
      expect(ends.map(({ text }) => text)).toEqual([`${member} says so.`]);
    }
    const own = frames.filter(({ type, run: by }) => type === "text-end" && !isAside(by));
    expect(own.map(({ text }) => text)).toEqual(["Lee says so."]);
  }
});

test("in the background a team works on when nobody looks", async () => {
  const team = await makeTeam();

  const { status, body } = await host.call("POST", `/v2/teams/${team}/runs`, {
    input: "Well?",
    mode: "background",
  });

  expect(status).toBe(202);
  const ended = async (): Promise<string> =>
    (await host.call("GET", `/v2/runs/${body.run_id}`)).body.status;
  await expect.poll(ended, { timeout: 5_000 }).toBe("completed");
  const done = await host.call("GET", `/v2/runs/${body.run_id}`);
  expect(JSON.stringify(done.body)).toContain("Ben says so.");
});

test("OpenAI's SDK gets the answer alone, streamed or whole, with what was said before", async () => {
  const team = await makeTeam({ leader: idOf("Lee") });
  const client = new OpenAI({ apiKey: host.key, baseURL: `${host.url}/v1`, maxRetries: 0 });
  const ask = {
    model: `team:${team}`,
    messages: [
      { role: "user" as const, content: "My name is Kim." },
      { role: "assistant" as const, content: "Hello Kim." },
      { role: "user" as const, content: "Who am I?" },
    ],
  };
  host.llm.requests.length = 0;

  const whole = await client.chat.completions.create(ask);
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
    streamed += chunk.choices[0]?.delta.content ?? "";
  }
  const model = await client.models.retrieve(`team:${team}`);

  expect(whole.choices[0]?.message.content).toBe("Lee says so.");
  expect(streamed).toBe("Lee says so.");
  expect(model).toMatchObject({ id: `team:${team}`, object: "model", name: "Desk" });
  for (const { messages } of host.llm.requests) {
    expect(JSON.stringify(messages)).toContain("My name is Kim.");
    expect(messages.at(-1)?.content).toBe("Who am I?");
  }
});

test("one whose key may not, one of another tenant, and one that asks for none are refused", async () => {
  const team = await makeTeam();
  const path = `/v2/teams/${team}/runs`;
  const narrow = await host.makeKey(["knowledge"]);

  const refused = await host.call("POST", path, { input: "x" }, { key: narrow });
  const foreign = await host.call("POST", path, { input: "x" }, { key: host.otherKey });
  const unknown = await host.call("POST", "/v2/teams/tm_none/runs", { input: "x" });
  const empty = await host.call("POST", path, {});
  const agent = await host.call("POST", `/v2/teams/${idOf("Ann")}/runs`, { input: "x" });

  expect([refused, foreign, unknown, empty, agent].map(({ status }) => status)).toEqual([
    403, 404, 404, 400, 404,
  ]);
});

test("what a team names cannot be removed, and a team cannot be put inside itself", async () => {
  const inner = await makeTeam();
  const outer = await makeTeam({ name: "Board", members: [{ agent: inner }] });

  const agent = await host.call("DELETE", `/v2/agents/${idOf("Ann")}`);
  const team = await host.call("DELETE", `/v2/teams/${inner}`);
  const circle = await host.call("PATCH", `/v2/teams/${inner}`, {
    members: [{ agent: idOf("Ann") }, { agent: outer }],
  });

  expect([agent.status, team.status]).toEqual([409, 409]);
  expect(team.body.detail).toContain("Board");
  expect([circle.status, circle.body.pointer]).toEqual([400, "/members/1/agent"]);
  expect(circle.body.detail).toContain(`${inner} -> ${outer} -> ${inner}`);
});

test("a run under way finishes with the team that it began with", async () => {
  const team = await makeTeam();
  let change: Promise<unknown> | undefined;
  host.llm.script = async ({ request }) => {
    change ??= host.call("PATCH", `/v2/teams/${team}`, { members: [{ agent: idOf("Lee") }] });
    await change;
    return `${nameOf(request)} says so.`;
  };

  const running = await host.call("POST", `/v2/teams/${team}/runs`, { input: "Well?" });
  const after = await host.call("POST", `/v2/teams/${team}/runs`, { input: "Well?" });

  expect([running.body.response, after.body.response]).toEqual(["Ben says so.", "Lee says so."]);
});
