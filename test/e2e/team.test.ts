// Teams in the real process: killed with kill -9 while a member speaks in a round and while workers
// work side by side. What a member had finished is not paid again, and the team answers once.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProviderCall } from "../support/fake-provider-call.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const ENDED_MS = 30_000;
const PRICE_MICROS = 1_000;

let product: Product;
const ids = new Map<string, string>();

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
  for (const name of ["Ann", "Ben", "Cat", "Lee"]) {
    const agent = { name, model_name: "gpt-4o-mini", system_message: `#${name}#` };
    ids.set(name, await make("/v2/agents", agent));
  }
});
afterAll(() => product.end());
beforeEach(() => product.provider.reset());

async function make(path: string, body: object): Promise<string> {
  const answer = await product.call("POST", path, body);
  expect(answer.body).toMatchObject({ id: expect.any(String) });
  return String(answer.body.id);
}

const id = (name: string): string => ids.get(name) ?? "";
const members = () => ["Ann", "Ben", "Cat"].map((name) => ({ agent: id(name) }));
const speaker = ({ prompt }: ProviderCall): string => /#(\w+)#/.exec(prompt)?.[1] ?? "";
const isPlan = ({ prompt }: ProviderCall): boolean => prompt.includes("Split the user's last");
/** Who was asked, in order. */
const asked = (): readonly string[] => product.provider.calls().map(speaker);
const timesOf = (): Json => {
  const times: Record<string, number> = {};
  for (const name of asked()) times[name] = (times[name] ?? 0) + 1;
  return times;
};

const restart = async (): Promise<void> => {
  await product.kill();
  await product.start();
};

/** Everybody speaks; the leader gives each a task. */
function speak(): void {
  const tasks = ["Ann", "Ben", "Cat"].map((member) => ({
    ...{ id: member, member, task: `What ${member} does.`, after: [] },
  }));
  const plan = { reason: "Each has a part.", tasks };
  product.provider.when(isPlan, { json: plan });
  product.provider.otherwise({ text: (call) => `${speaker(call)} has spoken.` });
}

/** Starts a run, which ends after the deaths in `meanwhile`; once, with an answer, paid once. */
async function runThrough(team: string, meanwhile: (run: string) => Promise<void>): Promise<Json> {
  const before = await product.balance();
  const body = { input: "What do we do?", mode: "background" };
  const { body: started } = await product.call("POST", `/v2/teams/${team}/runs`, body);
  await meanwhile(started.run_id);
  const status = async (): Promise<string> =>
    (await product.call("GET", `/v2/runs/${started.run_id}`)).body.status;
  await expect.poll(status, { timeout: ENDED_MS }).toBe("completed");
  expect(before - (await product.balance())).toBe(PRICE_MICROS);
  const said = await product.history(started.conversation_key);
  expect(said).toEqual([
    ["user", "What do we do?"],
    ["assistant", "Lee has spoken."],
  ]);
  return (await product.call("GET", `/v2/runs/${started.run_id}`)).body;
}

test("kill -9 in two rounds: who had spoken does not speak again, and the team answers once", {
  timeout: 90_000,
}, async () => {
  const team = await make("/v2/teams", {
    ...{ name: "Rounds", mode: "coordinate", members: members(), leader: id("Lee"), max_rounds: 2 },
  });
  const hanging = (name: string, round: number) => (call: ProviderCall) =>
    speaker(call) === name && call.prompt.includes(`this is round ${round} of`);
  product.provider.when(hanging("Cat", 1), { hang: "at-once", times: 1 });
  product.provider.when(hanging("Ben", 2), { hang: "at-once", times: 1 });
  speak();

  await runThrough(team, async () => {
    await expect.poll(asked, { timeout: ENDED_MS }).toEqual(["Ann", "Ben", "Cat"]);
    await restart();
    await expect.poll(() => asked().length, { timeout: ENDED_MS }).toBe(6);
    await restart();
  });

  expect(asked()).toEqual([
    ...["Ann", "Ben", "Cat"],
    ...["Cat", "Ann", "Ben"],
    ...["Ben", "Cat", "Lee"],
  ]);
});

test("viewers see at once who speaks, in teams below too, and a cancelled team asks nobody any more", {
  timeout: 180_000,
}, async () => {
  const inner = await make("/v2/teams", {
    ...{ name: "Inner", mode: "coordinate", members: members().slice(0, 2) },
  });
  const both = [{ agent: inner }, { agent: id("Cat") }];
  const team = await make("/v2/teams", {
    ...{ name: "Outer", mode: "coordinate", members: both, leader: id("Lee") },
  });
  product.provider.when((call) => speaker(call) === "Ben", { hang: "at-once" });
  speak();
  const started = await product.call("POST", `/v2/teams/${team}/runs`, {
    ...{ input: "Go on.", mode: "background" },
  });
  const run = `/v2/runs/${started.body.run_id}`;
  const viewer = await product.events("GET", `${run}/events`);
  const seen: string[] = [];
  // They come while Ben is silent: nothing waits for the end.
  while (!seen.includes("2 Ben started")) {
    const frame = await viewer.next();
    if (frame === undefined) break;
    const { event } = JSON.parse(frame.data) as Json;
    if (event?.type === "member") seen.push(`${event.depth} ${event.member} ${event.state}`);
  }
  await product.provider.until((call) => speaker(call) === "Ben");

  expect((await product.call("POST", `${run}/cancel`, {})).status).toBe(202);
  await product.provider.until((call) => speaker(call) === "Ben" && call.outcome === "closed");
  const last = (await viewer.rest()).at(-1);

  expect(seen).toEqual([
    ...["1 Inner started", "2 Ann started", "2 Ann completed", "2 Ben started"],
  ]);
  expect(JSON.parse(last?.data ?? "{}")).toMatchObject({ outcome: { status: "cancelled" } });
  expect(asked()).toEqual(["Ann", "Ben"]);
});

test("kill -9 while workers work side by side: who was done is not asked again", {
  timeout: 90_000,
}, async () => {
  const team = await make("/v2/teams", {
    ...{
      name: "Workers",
      mode: "supervisor",
      members: members(),
      leader: id("Lee"),
      max_parallel: 3,
    },
  });
  for (const name of ["Ben", "Cat"]) {
    const isOf = (call: ProviderCall): boolean => speaker(call) === name;
    product.provider.when(isOf, { hang: "at-once", times: 1 });
  }
  speak();

  await runThrough(team, async (run) => {
    await expect.poll(timesOf, { timeout: ENDED_MS }).toEqual({ Lee: 1, Ann: 1, Ben: 1, Cat: 1 });
    // Asked is not answered: only what is on disk is not done again.
    const done = async (): Promise<readonly string[]> =>
      (await product.call("GET", `/v2/runs/${run}/tree`)).body.children
        .filter(({ status }: Json) => status === "completed")
        .map(({ key }: Json) => key);
    await expect.poll(done, { timeout: ENDED_MS }).toEqual(["turn:Ann"]);
    await restart();
  });

  expect(timesOf()).toEqual({ Lee: 2, Ann: 1, Ben: 2, Cat: 2 });
});
