// Telegram, SMS, Discord and Teams at the real process: what comes signed is answered there once and in the
// platform's own writing, what is not is refused, and what waits for a person is decided there.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  loopback,
  made,
  madeAgent,
  slackChannel,
  until,
} from "../support/channels/channel-desk.ts";
import {
  type PlatformCall,
  type PlatformDoor,
  PUBLIC_URL,
  startDoors,
} from "../support/channels/platform-doors.ts";
import { signedForm } from "../support/channels/slack-sender.ts";
import { startSlack } from "../support/channels/slack-server.ts";
import { type Product, startProduct } from "../support/product.ts";

const kinds = ["telegram", "sms", "discord", "teams"];

let product: Product;
let doors: readonly PlatformDoor[] = [];
let agent = "";
let workflow = "";

beforeAll(async () => {
  doors = await startDoors();
  product = await startProduct({ config: `public_url: ${PUBLIC_URL}\n${loopback}` });
  product.provider.when("is it done", { text: "It is **done**." });
  agent = await madeAgent(product);
  workflow = await made(product, "/v2/workflows", {
    name: "Refund",
    graph_definition: {
      nodes: [
        { id: "ask", type: "approval", reason: "It costs.", arguments: "{}", save: "answer" },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "ask", to: "end" }],
    },
    state_schema: { properties: { answer: {} } },
    output: "answer",
  });
});
afterAll(async () => {
  await product.end();
  await Promise.all(doors.map((door) => door.stop()));
});

/** All that lies on the disk, and what was logged. */
async function storedBytes(): Promise<Buffer> {
  const all = await readdir(product.folder, { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile());
  const read = await Promise.all(files.map((one) => readFile(join(one.parentPath, one.name))));
  return Buffer.concat([...read, Buffer.from(product.server.output() + product.server.errors())]);
}

/** Makes a channel; what it takes to speak to it. */
async function deskAt(kind: string, target: string, more: object = {}) {
  const door = doors.find((one) => one.kind === kind);
  if (door === undefined) throw new Error(`There is no ${kind}.`);
  const name = `${kind} of ${target}`;
  const channel = await made(product, "/v2/channels", {
    ...{ name, kind, agent: target, ...door.channel, ...more },
  });
  const post = async (call: PlatformCall): Promise<number> => {
    const to = `${product.url}/gateway/${kind}/${channel}`;
    const { headers, body } = call;
    const answer = await fetch(to, { method: "POST", headers, body: new Uint8Array(body) });
    const said = await answer.text();
    if (answer.ok) call.answered?.(said);
    return answer.status;
  };
  const before = door.shown().length;
  const shown = () => door.shown().slice(before);
  return { door, post, shown, say: (text: string) => door.say(text, channel) };
}

describe.each(kinds)("at %s", (kind) => {
  test("a message is answered once, in the platform's writing, however often it comes", async () => {
    const { door, post, shown, say } = await deskAt(kind, agent);
    const asked = await say("Tell me: is it done?");

    const statuses = [await post(asked), await post(asked)];
    await until(shown, (all) => all.some(({ text }) => text.trim() === door.done));
    statuses.push(await post(asked), await post(await say("And Mars?")));
    await until(shown, (all) => all.some(({ text }) => text.includes("And Mars?")));

    expect(statuses.every((status) => status === 200 || status === 202)).toBe(true);
    expect(shown().map(({ text }) => text.trim())).toEqual([
      door.done,
      expect.stringContaining("And Mars?"),
    ]);
    expect(product.provider.count("is it done")).toBe(kinds.indexOf(kind) + 1);
  });

  test("what another has signed is refused, and nobody is asked", async () => {
    const { door, post, say } = await deskAt(kind, agent, { name: `Forged at ${kind}` });
    const asked = await say("Forged, this is.");

    const forged = { ...asked, headers: { ...asked.headers, ...door.forged } };
    expect(await post(forged)).toBe(401);
    expect(await post({ ...asked, headers: {} })).toBe(401);
    expect(product.provider.count("Forged, this is.")).toBe(0);
  });

  test("what waits for a person is decided where it is shown, and the message says so", async () => {
    const approvers = [doors.find((one) => one.kind === kind)?.person];
    const { post, shown, say } = await deskAt(kind, workflow, { approvers });
    await post(await say("Refund 7, please."));
    const [asked] = await until(shown, (all) => all.some(({ text }) => text.includes("It costs.")));
    if (asked === undefined) throw new Error("Nothing is shown.");

    const decision = asked.buttons.length === 0 ? await say("1") : await asked.press(0);
    expect(asked.buttons.length === 0).toBe(kind === "sms");
    expect([200, 202]).toContain(await post(decision));

    const isOver = ({ text }: { readonly text: string }) => text.includes("approved");
    const over = await until(shown, (all) => all.some(isOver));
    // Where messages can be changed it is the one that had the buttons.
    expect(over.findIndex(isOver)).toBe(kind === "sms" ? 1 : 0);
    expect(over.filter(({ buttons }) => buttons.length > 0)).toEqual([]);
  });
});

test("a command where Slack's bot is no member is answered to who gave it, by an address that nobody finds", async () => {
  const slack = await startSlack();
  try {
    slack.workspace.rooms.set("CFAR1", []);
    slack.workspace.foreign.add("CFAR1");
    const path = slack.workspace.replyPath();
    const channel = await made(product, "/v2/channels", slackChannel(slack, agent));
    const { body, headers } = signedForm({
      ...{ command: "/ask", text: "is it done?", team_id: "TTEAM1", channel_id: "CFAR1" },
      ...{ channel_name: "far", user_id: "UANNA1", user_name: "anna", trigger_id: "1" },
      response_url: `${slack.url}${path}`,
    });
    const to = `${product.url}/gateway/slack/${channel}/commands`;
    const answer = await fetch(to, { method: "POST", headers, body: new Uint8Array(body) });

    const said = () => slack.workspace.replies.get(path)?.said ?? [];
    await until(said, ({ length }) => length > 0);
    expect(answer.status).toBe(200);
    expect(said()).toMatchObject([{ response_type: "ephemeral", text: "It is *done*." }]);
    await product.kill();
    const stored = await storedBytes();
    expect([stored.includes("CFAR1"), stored.includes(path)]).toEqual([true, false]);
  } finally {
    await slack.stop();
  }
});
