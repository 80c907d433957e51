// Previews of answers: whose rate they count for, and that they say what they are.

import { expect, test } from "vitest";
import type { ChannelAsk } from "../../../actors/channels/port.ts";
import type { Account } from "../../../adapters/channels/account.ts";
import type { SendOptions } from "../../../adapters/channels/adapter.ts";
import { LiveAnswers } from "../../../adapters/channels/live.ts";
import { until } from "../../support/channels/channel-desk.ts";

test("previews in threads of one room share the room's rate, and are marked as previews", async () => {
  const turns: string[] = [];
  const sent: SendOptions[] = [];
  const account = {
    adapter: { capabilities: { textMax: 1_000 } },
    pacing: { turn: async (conversation: string) => void turns.push(conversation) },
    instance: {
      render: ({ text }: { readonly text: string }) => [{ body: { text }, plain: text }],
      send: async (_part: unknown, _address: unknown, options: SendOptions) => {
        sent.push(options);
        return { ok: true, receipt: { id: `m${sent.length}` } };
      },
      edit: async () => ({ ok: false, class: "gone", reason: "" }),
    },
  } as unknown as Account;
  async function* written() {
    yield [{ type: "text", run: "run_1", step: "1", offset: 0, text: "word ".repeat(20) }];
    await new Promise(() => undefined);
  }
  const live = new LiveAnswers({
    chat: { attach: async () => written() } as never,
    system: { ask: async () => null } as never,
  });
  const ask = (thread: string, place?: string) =>
    ({
      ...{ tenant: "tn", channel: "ch", session: "cs", question: thread },
      ...{ address: { room: "r1", thread }, ...(place !== undefined && { place }) },
    }) as unknown as ChannelAsk;

  live.begin(account, ask("t1", "r1"), "run_1");
  live.begin(account, ask("t2", "r1"), "run_1");
  live.begin(account, ask("t3"), "run_1");
  await until(
    () => sent,
    ({ length }) => length === 3,
  );
  live.close();

  expect(turns.slice(0, 3)).toEqual(["r1", "r1", '{"room":"r1","thread":"t3"}']);
  expect(sent.map(({ isPreview }) => isPreview)).toEqual([true, true, true]);
});
