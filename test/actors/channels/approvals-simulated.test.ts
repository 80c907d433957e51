// Approvals in a channel, on virtual time: shown where the question came from, decided by who may and by nobody
// else, and the message says in the end what was decided, wherever that was.

import { describe, expect, test } from "vitest";
import type { ChannelInput } from "../../../actors/channels/channel.ts";
import { sessionAddress } from "../../../actors/channels/session-key.ts";
import {
  ChannelWorld,
  type Platform,
  platform,
  said,
  tenant,
} from "../../support/channel-world.ts";

const MINUTE_MS = 60_000;

async function made(
  of: Partial<Platform>,
  channel: Partial<ChannelInput> = {},
): Promise<ChannelWorld> {
  const one = new ChannelWorld(platform(of));
  await one.start(channel);
  return one;
}

describe("an approval", () => {
  const id = `ap_${"a".repeat(26)}`;
  const button = (action: string, sender: string, at = "1") => ({
    ...said(`b${at}`, ""),
    ...{ kind: "action", action, dedupe: [`press-${at}`] },
    sender: { id: sender, isBot: false, isSelf: false, isAutomatic: false, isVerified: true },
  });
  const tell = async (one: ChannelWorld, status: string, by: string | null = null) => {
    const { session } = one.platform.asked[0] as { session: string };
    const approval = {
      id,
      tool: "refund",
      reason: "12 EUR.",
      status,
      root_run_id: one.platform.runs[0] ?? "",
    };
    const message = { type: "approval", approval: { ...approval, decided_by: by } };
    await one.settled(one.system.send(sessionAddress(tenant, session), message));
    await one.system.schedule.advance(1_000);
  };
  const asked = async (approvers: readonly string[]): Promise<ChannelWorld> => {
    const one = await made({ agentMs: 60 * MINUTE_MS }, { approvers: [...approvers] });
    await one.settled(one.hear(said("m1", "refund me")));
    await one.system.schedule.advance(1_000);
    await tell(one, "pending");
    return one;
  };

  test("is named by /status with its id until it is decided", async () => {
    const one = await asked(["boss"]);
    await one.settled(one.hear(said("m2", "/status")));
    await one.system.schedule.advance(1_000);

    expect(one.texts().at(-1)).toContain(`To be decided: refund (${id}).`);
  });

  test("is shown with buttons, decided by who may and by nobody else, and its message says the end", async () => {
    const one = await asked(["boss"]);
    expect(one.texts()).toHaveLength(1);
    expect(one.deliveries()[0]?.outgoing.buttons?.map(({ action }) => action)).toEqual([
      `ap:${id}:y`,
      `ap:${id}:n`,
    ]);
    for (const [at, sender] of ["ann", "boss"].entries()) {
      await one.settled(one.hear(button(`ap:${id}:y`, sender, String(at)) as never));
      await one.system.schedule.advance(1_000);
    }
    await one.settled(one.hear(button(`ap:${id}:y`, "boss", "1") as never));
    await one.settled(one.hear(button(`ap:ap_${"f".repeat(26)}:y`, "boss", "9") as never));
    await one.system.schedule.advance(1_000);
    expect(one.platform.decided).toMatchObject([
      { approval: id, decision: "approve", sender: "boss" },
    ]);
    await tell(one, "approved", "boss");
    expect(one.texts()).toEqual([
      "**refund**: approved by boss.",
      "You are not among those who decide this.",
      "There is nothing to decide any more.",
    ]);
  });

  test("that is decided elsewhere while its message is on its way says so once it is there", async () => {
    const limited = { ok: false, class: "rate", reason: "slow", retryAfterMs: 5_000 } as const;
    const one = await made({
      agentMs: 60 * MINUTE_MS,
      answer: (_, call) => (call === 1 ? limited : null),
    });
    await one.settled(one.hear(said("m1", "refund me")));
    await one.system.schedule.advance(1_000);
    await tell(one, "pending");
    await tell(one, "rejected", "ak_1");
    await one.system.schedule.advance(MINUTE_MS);
    expect(one.texts()).toEqual(["**refund**: rejected by ak_1."]);
  });

  test("is decided by a reply, of the one that waits", async () => {
    const one = await asked(["requester"]);
    await one.settled(one.hear(said("m2", "/reject too dear")));
    await one.system.schedule.advance(1_000);
    expect(one.platform.decided).toMatchObject([
      { approval: id, decision: "reject", sender: "ann", note: "too dear" },
    ]);
  });

  test("is decided by a number or a word, of who may, and of others that is a message", async () => {
    const one = await asked(["boss"]);
    const boss = { id: "boss", isBot: false, isSelf: false, isAutomatic: false, isVerified: true };
    await one.settled(one.hear(said("m2", "1")));
    await one.settled(one.hear(said("m3", " Reject ", { sender: boss })));
    await one.system.schedule.advance(1_000);
    expect(one.platform.decided).toMatchObject([{ decision: "reject", sender: "boss" }]);
    expect(one.platform.asked.map(({ text }) => text)).toEqual(["refund me", "1"]);
  });
});
