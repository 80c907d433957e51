// Pictures of a conversation: which of them a model is shown, what it is told of the others, and how they go.

import { expect, test } from "vitest";
import type { PromptMessage } from "../../actors/ports.ts";
import {
  type Picture,
  pictureLine,
  pictureRow,
  picturesTable,
  pictureUrl,
} from "../../actors/records/picture.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { conversationAt, newAgent } from "../support/agents-host.ts";
import { startTalk, type Talk, type Wanted } from "../support/agents-test.ts";
import { createGate, createScriptedLlm, type ScriptedLlm } from "../support/scripted-llm.ts";

const picture = (id: string): Picture => ({
  ...{ id, media_type: "image/png", bytes: 9, width: 1, height: 1 },
});
const named = (text: string, ids: readonly string[]): string =>
  [text, ...ids.map(pictureLine)].join("\n");

/** Sends a text with pictures and waits for the answer. */
const send = async ({ chat }: Talk, text: string, ids: readonly string[] = []) =>
  await chat(named(text, ids), ids.length === 0 ? {} : { images: ids.map(picture) }).reply();

const users = (llm: ScriptedLlm): readonly (PromptMessage & { readonly role: "user" })[] =>
  llm.requests.at(-1)?.messages.filter((one) => one.role === "user") ?? [];
const shown = (llm: ScriptedLlm): readonly (readonly string[])[] =>
  users(llm).map(({ images = [] }) => images.map(({ url }) => url.slice(url.indexOf(".") + 1)));
const texts = (llm: ScriptedLlm): readonly string[] => users(llm).map(({ content }) => content);

const talk = (llm: ScriptedLlm, agent: Wanted["agent"] = {}) => startTalk(llm, { agent });

test("a model is shown the newest four pictures, and is told of those before them", async () => {
  const llm = createScriptedLlm(() => "I see.");
  const one = await talk(llm);

  await send(one, "first", ["a", "b"]);
  expect(users(llm)[0]?.images).toEqual([
    { url: pictureUrl(one.cv, "a") },
    { url: pictureUrl(one.cv, "b") },
  ]);
  await send(one, "second", ["c"]);
  const reply = await send(one, "third", ["d", "e"]);

  expect(shown(llm)).toEqual([["b"], ["c"], ["d", "e"]]);
  expect(texts(llm)).toEqual([
    'first\n[picture "a", sent before]\n[picture "b"]',
    'second\n[picture "c"]',
    'third\n[picture "d"]\n[picture "e"]',
  ]);
  expect(reply.unseen_pictures).toBeUndefined();
  expect(one.agents.messages(one.cv)[0]).toMatchObject({ images: [{ id: "a" }, { id: "b" }] });
});

test("a model that takes no images is told so, and so is who asked", async () => {
  const llm = createScriptedLlm(() => "I cannot see it.");
  const one = await talk(llm, { model_name: "blind-1" });

  const reply = await send(one, "look", ["a"]);

  expect(shown(llm)).toEqual([[]]);
  expect(texts(llm)).toEqual(['look\n[picture "a", which you cannot see]']);
  expect(reply.unseen_pictures).toBe(1);
  expect((await send(one, "and now?")).unseen_pictures).toBeUndefined();
});

test("a picture that a provider may have refused is not sent again", async () => {
  const llm = createScriptedLlm(({ call }) => {
    if (call === 1) throw new RuntimeError("PROVIDER_FAILED", "The image is damaged.");
    return "Go on.";
  });
  const one = await talk(llm);

  await expect(send(one, "look", ["a"])).rejects.toMatchObject({ code: "PROVIDER_FAILED" });
  await send(one, "and now?");

  expect(shown(llm)).toEqual([[], []]);
  expect(texts(llm)[0]).toBe('look\n[picture "a", sent before]');
});

test("a picture that is steered in is shown with the first one", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ call, signal }) => {
    if (call === 1) await gate.wait(signal);
    return "Seen.";
  });
  const { chat } = await talk(llm);
  const steer = { on_busy: "steer" } as const;

  const first = chat(named("look", ["a"]), { images: [picture("a")] });
  await gate.reached;
  const second = chat(named("and this", ["b"]), { ...steer, images: [picture("b")] });
  await second.accepted();
  gate.open();
  await Promise.all([first.reply(), second.reply()]);

  expect(llm.requests).toHaveLength(2);
  expect(shown(llm).at(-1)).toEqual(["a", "b"]);
});

test("bytes of pictures go with their conversation", async () => {
  const llm = createScriptedLlm(() => "I see.");
  const one = await talk(llm);
  const { agents, cv } = one;
  for (const id of ["a", "b"]) await agents.putRow(picturesTable, pictureRow(cv, id), { id });
  await agents.putRow(picturesTable, pictureRow("cv_other", "a"), { id: "other" });
  await send(one, "first", ["a"]);
  await send(one, "second", ["a", "b"]);

  await agents.ask(conversationAt(cv), { type: "delete" });
  await agents.idle();

  expect(agents.rows(picturesTable)).toEqual([{ id: "other" }]);
  expect(agents.messages(cv)).toEqual([]);
});

test("who a turn is handed over to, and the members of a team, see the pictures of its message", async () => {
  const llm = createScriptedLlm(({ request }) => {
    const isFirst = request.tools?.some(({ name }) => name === "pass_on") === true;
    return isFirst ? { calls: [{ name: "pass_on", arguments: { reason: "Eyes." } }] } : "Seen.";
  });
  const [other, blind, team] = [newAgent(), newAgent(), "tm_eyes"];
  const pass = { tool: "handoff", name: "pass_on", config: { to: other } };
  const one = await talk(llm, { tools: [pass] });
  const { agents } = one;
  await agents.putAgent({ agent_key: other, name: "Other" });
  await agents.putAgent({ agent_key: blind, name: "Blind", model_name: "blind-1" });
  const members = [{ agent: other }, { agent: blind }];
  await agents.putTarget(team, { name: "Eyes", mode: "coordinate", members });

  await send(one, "look", ["a"]);
  expect(shown(llm)).toEqual([["a"]]);
  const asked = { agent: team, images: [picture("b")] };
  const reply = await agents.chat("cv_team", named("look", ["b"]), asked).reply();

  const seen = llm.requests.slice(2).map(({ messages }) => JSON.stringify(messages));
  expect(seen.map((text) => text.includes(pictureUrl("cv_team", "b")))).toEqual([true, false]);
  expect(seen[1]).toContain("which you cannot see");
  expect(reply.unseen_pictures).toBe(1);
});
