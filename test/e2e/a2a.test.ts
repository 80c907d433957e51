// A task of A2A on the real process, which is killed with kill -9 while the task is under way: it is
// there afterwards, its stream is taken up from the start, and the message that began it begins no other.

import { TaskState } from "@a2a-js/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  a2aClient,
  allOf,
  answerText,
  bindings,
  readEvents,
  sending,
  sendTask,
  userMessage,
} from "../support/a2a-client.ts";
import { makeDesk, type Product, startProduct } from "../support/product.ts";

const pieces = Array.from({ length: 8 }, (_, n) => `word${n} `);
const answer = pieces.join("");
const PRICE_MICROS = 1_000;
/** How long the model, asked again by the process after it, thinks: clients come back meanwhile, ms. */
const AGAIN_MS = 4_000;

let product: Product;
let agent = "";

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
  agent = await makeDesk(product);
});
afterAll(() => product.end());

const clientOf = (binding: (typeof bindings)[number]) =>
  a2aClient({ url: product.url, key: product.adminKey, agent }, binding);

test("kill -9 between the message and the end, by each binding", { timeout: 180_000 }, async () => {
  const before = await product.balance();
  const begun = await Promise.all(
    bindings.map(async (binding) => {
      const marker = `refund after ${binding}`;
      product.provider.when(marker, { pieces, hang: 3, times: 1 });
      product.provider.when(marker, { pieces, firstTokenMs: AGAIN_MS, times: 1 });
      const message = userMessage(marker);
      const stream = (await clientOf(binding)).sendMessageStream(sending(message));
      const first = (await stream.next()).value;
      const id = first?.payload?.$case === "task" ? first.payload.value.id : "";
      const cut = allOf(stream).catch(() => "cut");
      await product.provider.until((call) => call.lastUser.includes(marker) && call.tokens === 3);
      return { binding, message, id, cut };
    }),
  );

  await product.kill();
  await product.start();
  const after = await Promise.all(
    begun.map(async ({ binding, message, id, cut }) => {
      const client = await clientOf(binding);
      const [followed, again] = await Promise.all([
        allOf(client.resubscribeTask({ tenant: "", id })),
        sendTask(client, message),
      ]);
      await cut;
      const ended = await client.getTask({ tenant: "", id });
      return { id, again, ended, read: readEvents(followed) };
    }),
  );

  for (const { id, again, ended, read } of after) {
    expect(read).toMatchObject({
      first: { id, status: { state: TaskState.TASK_STATE_WORKING } },
      states: [TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_COMPLETED],
      text: answer,
    });
    expect([again.id, answerText(again), answerText(ended)]).toEqual([id, answer, answer]);
  }
  expect(before - (await product.balance())).toBe(bindings.length * PRICE_MICROS);
});
