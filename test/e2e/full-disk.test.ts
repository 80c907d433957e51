// The disk of the whole server fills under load and empties again: new turns are refused in words,
// reads go on, nothing acknowledged is lost or paid twice, and it goes on without a restart.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { answerLoad, faultsOf, startLoad } from "../support/chat-load.ts";
import { makeDiskRoom } from "../support/disk-room.ts";
import { CHAT, makeDesk, startProduct } from "../support/product.ts";
import type { Answer } from "../support/wire-client.ts";

const CLIENTS = 4;
const WAIT_MS = 30_000;

test("the server's disk fills and empties again: 503, reads, no loss, and on without a restart", {
  timeout: 120_000,
}, async (context) => {
  const room = makeDiskRoom("a file system of its own", 24);
  if (room === null) {
    context.skip("This user cannot mount a file system.");
    return;
  }
  const env = { TROUPE_DATA: room.folder, TROUPE_WORKERS: "1" };
  const product = await startProduct({ env });
  onTestFinished(async () => {
    await product.end();
    room.end();
  });
  const agent = await makeDesk(product);
  answerLoad(product);
  const before = await product.balance();
  const load = startLoad(product, agent, CLIENTS);
  const until = async (isIt: () => boolean | Promise<boolean>): Promise<void> => {
    for (const endMs = Date.now() + WAIT_MS; !(await isIt()); await sleep(20)) {
      if (Date.now() > endMs) throw new Error("It did not come in time.");
    }
  };
  await until(() => load.acknowledged() >= 10);

  const pid = product.server.process.pid ?? 0;
  room.take(pid);
  const ask = (): Promise<Answer> =>
    product.call("POST", CHAT, { agent_key: agent, message: `refund ${"long ".repeat(2_000)}` });
  // One that is accepted with the last room waits for more: it is answered when there is some.
  const accepted: Promise<Answer>[] = [];
  const refusals: Answer[] = [];
  await until(async () => {
    const asked = ask();
    const answer = await Promise.race([asked, sleep(1_000)]);
    if (answer !== undefined && answer.status !== 200) refusals.push(answer);
    else accepted.push(asked);
    return refusals.length > 0;
  });
  const usage = await product.call("GET", "/admin/usage");
  const letters = await product.call("GET", "/admin/dead-letters");
  const health = await product.call("GET", "/health");
  await sleep(2_000);
  const stuck = load.acknowledged();
  room.give(pid);
  await until(() => load.acknowledged() >= stuck + 10);
  await load.finish();

  // What was slow may have been a refusal too.
  const answers = await Promise.all(accepted);
  const paid = answers.filter(({ status }) => status === 200).length;
  for (const { status, body } of [...refusals, ...answers.filter((one) => one.status !== 200)]) {
    expect([status, body.error.code]).toEqual([503, "STORE_FULL"]);
  }
  expect(health.status).toBe(200);
  expect([usage.status, letters.status]).toEqual([200, 200]);
  expect(product.server.process.exitCode).toBeNull();
  expect(await faultsOf(product, load.talks)).toEqual([]);
  expect(before - (await product.balance())).toBe((load.acknowledged() + paid) * 1_000);
});
