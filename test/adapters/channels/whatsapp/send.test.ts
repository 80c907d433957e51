// What we tell WhatsApp, against a Graph API that is played: texts, choices, files, the sign of typing, and what
// a look at the account says. Case 73 of the channels' list.

import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { WhatsAppSettings } from "../../../../adapters/channels/whatsapp/settings.ts";
import { SETTINGS } from "../../../support/channels/whatsapp-account.ts";
import { wrongWith } from "../../../support/channels/whatsapp-checks.ts";
import { type Desk, PHONE, startDesk } from "../../../support/channels/whatsapp-desk.ts";

/** JSON escapes what stands alone. */
const HALF_OF_A_PAIR = /\\ud[89a-f]/;
const USER = "US.13491208655302741918";

let desk: Desk;

beforeAll(async () => {
  desk = await startDesk();
});
afterAll(() => desk.server.stop());
afterEach(() => desk.tidy());

test("a text goes to whom it answers, under its key, and its states come back with the key", async () => {
  const { address } = await desk.heard();

  const [result] = await desk.say({ text: "Hi **you**", answers: "wamid.Q" }, address);
  await desk.server.clock.advance(5_000);

  expect(desk.server.taken).toMatchObject([
    {
      from: SETTINGS.phone_number_id,
      to: PHONE,
      message: {
        recipient_type: "individual",
        type: "text",
        text: { body: "Hi *you*", preview_url: false },
        context: { message_id: "wamid.Q" },
        biz_opaque_callback_data: "key-1",
      },
    },
  ]);
  expect(result).toEqual({ ok: true, receipt: { id: desk.server.taken[0]?.id } });
  const states = desk.account.handled.flatMap((handled) =>
    "events" in handled ? handled.events : [],
  );
  expect(states.slice(1)).toMatchObject(
    ["sent", "delivered", "read"].map((state) => ({ kind: "status", state, key: "key-1" })),
  );
});

test("who hides the number is written to by the user id, and never as a number", async () => {
  const { address } = await desk.heard({ userId: USER });

  await desk.say({ text: "Hi" }, address);

  expect(desk.server.taken[0]?.message).toMatchObject({ recipient: USER });
  expect(desk.server.taken[0]?.message).not.toHaveProperty("to");
});

test("up to three choices are buttons, up to ten a list, and each label is readable somewhere", async () => {
  const { address } = await desk.heard();
  const buttons = (count: number, label = "Choice") =>
    Array.from({ length: count }, (_, at) => ({ action: `a:${at}`, label: `${label} ${at}` }));

  await desk.say({ text: "Which?", buttons: buttons(3) }, address);
  await desk.say({ text: "Which?", buttons: buttons(4) }, address);
  await desk.say({ text: "Which?", buttons: buttons(11) }, address);
  await desk.say({ text: "x".repeat(1_500), buttons: buttons(1) }, address);
  await desk.say(
    { text: "", buttons: buttons(2, "A label of more than twenty characters") },
    address,
  );

  const kinds = desk.server.taken.map(({ message }) => [
    message["type"],
    (message["interactive"] as { type: string } | undefined)?.type,
  ]);
  expect(kinds).toEqual([
    ["interactive", "button"],
    ["interactive", "list"],
    ["interactive", "list"],
    ["interactive", "button"],
    ["text", undefined],
    ["interactive", "button"],
    ["interactive", "button"],
  ]);
  expect(JSON.stringify(desk.server.taken[6]?.message)).toContain(
    "A label of more than twenty characters 1",
  );
});

test("whatever is rendered WhatsApp takes, always the same, with and without marks", () => {
  const label = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 0, maxLength: 60 }),
    fc.string({ unit: fc.constantFrom("a", "🎉"), minLength: 15, maxLength: 40 }),
  );
  const action = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,64}$/);
  const outgoing = fc.record({
    text: fc.string({ unit: "grapheme", minLength: 1, maxLength: 9_000 }),
    buttons: fc.uniqueArray(fc.record({ action, label }), {
      maxLength: 14,
      selector: (button) => button.action,
    }),
  });

  fc.assert(
    fc.property(outgoing, (given) => {
      for (const render of [desk.account.instance.render, desk.account.instance.renderPlain]) {
        const parts = render(given);
        expect(render(given)).toEqual(parts);
        for (const { body } of parts) {
          const type = String(body["kind"]);
          if (type === "text" && body["text"] === "") continue;
          const content = type === "text" ? { body: body["text"] } : body["interactive"];
          const message = { messaging_product: "whatsapp", to: PHONE, type, [type]: content };
          expect(wrongWith(message, new Set())).toBeNull();
          expect(HALF_OF_A_PAIR.test(JSON.stringify(message))).toBe(false);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test("files are uploaded and sent as what WhatsApp takes them as; others are named", async () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const types = [
    "image/png",
    "application/pdf",
    "text/csv",
    "audio/ogg; codecs=opus",
    "application/x-tar",
  ];
  const files = types.map((mediaType, at) => ({
    name: `file-${at}`,
    mediaType,
    bytes: 3,
    id: `f${at}`,
  }));
  desk.open({}, new Map(files.slice(0, 4).map(({ id }) => [id, bytes])));
  const { address } = await desk.heard();

  const results = await desk.say({ text: "Here", files }, address);

  expect(results.every(({ ok }) => ok)).toBe(true);
  expect(desk.server.taken.map(({ message }) => message["type"])).toEqual([
    "text",
    "image",
    "document",
    "document",
    "audio",
    "text",
  ]);
  const sent = desk.server.taken[3]?.message["document"] as { id: string; filename: string };
  expect(sent.filename).toBe("file-2");
  expect(desk.server.media.get(sent.id)).toMatchObject({ mediaType: "text/plain", name: "file-2" });
  expect(desk.server.media.get(sent.id)?.bytes).toEqual(Buffer.from(bytes));
});

test("an upload whose answer is lost is done again, a file that is gone is not", async () => {
  const file = { name: "a.png", mediaType: "image/png", bytes: 3, id: "f1" };
  desk.open({}, new Map([["f1", new Uint8Array(3)]]));
  const { address } = await desk.heard();
  const [part] = desk.account.instance.render({ text: "", files: [file] });
  const [gone] = desk.account.instance.render({ text: "", files: [{ ...file, id: "f2" }] });

  desk.server.instead = () => ({ status: 200, body: "<html>" });
  expect(await desk.send(part, address)).toMatchObject({ ok: false, class: "retry" });
  desk.server.instead = null;
  expect(await desk.send(gone, address)).toMatchObject({ ok: false, class: "format" });
});

test("the sign of typing marks the message as read, and needs one", async () => {
  const event = await desk.heard();
  const message = event.kind === "message" ? event.message : "";

  await desk.account.instance.typing?.(event.address, AbortSignal.timeout(20_000));
  await desk.account.instance.typing?.(
    { ...event.address, message: null },
    AbortSignal.timeout(20_000),
  );

  expect([...desk.server.read]).toEqual([[message, 1]]);
});

test("a file of theirs is fetched within its limit, with the token, and from Meta's hosts alone", async () => {
  const { instance } = desk.account;
  const at = { media: desk.server.addMedia(Buffer.from("picture"), "image/png") };
  const file = { id: "f", name: "a.png", mediaType: "image/png", bytes: null, at };
  const fetched = (bytesMax: number) =>
    instance.fetchFile?.(file, bytesMax, AbortSignal.timeout(20_000));

  expect(Buffer.from((await fetched(7)) ?? []).toString()).toBe("picture");
  await expect(fetched(6)).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
  const { length } = desk.server.calls;
  const elsewhere = [
    "https://lookaside.fbsbx.com.evil.example/x",
    "https://evil.example/lookaside.fbsbx.com",
    "http://lookaside.fbsbx.com/x",
    "https://lookaside.fbsbx.com:8443/x",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "nothing",
  ];
  for (const url of elsewhere) {
    desk.server.mediaUrl = url;
    await expect(fetched(7)).rejects.toMatchObject({ code: "URL_REFUSED" });
  }
  expect(desk.server.calls).toHaveLength(length + elsewhere.length);
  const path = { ...file, at: { media: "../me" } };
  await expect(instance.fetchFile?.(path, 7, AbortSignal.timeout(20_000))).rejects.toMatchObject({
    code: "INVALID",
  });
});

test("a check says what is wrong with number, token, secret and webhooks, and what to do", async () => {
  const probe = async (settings: Partial<WhatsAppSettings>) => {
    desk.open({ app_id: "4711", business_account_id: "102", ...settings });
    return await desk.account.instance.probe(AbortSignal.timeout(20_000));
  };

  const good = await probe({});
  expect(good.map(({ ok }) => ok)).toEqual([true, true, true, true]);
  expect(good[0]?.text).toContain("+1 555-078-3881");
  const failing = async (settings: Partial<WhatsAppSettings>) =>
    (await probe(settings)).filter(({ ok }) => !ok).map(({ text }) => text);
  expect(await failing({ access_token: "EAAwrong" })).toEqual([
    expect.stringContaining("cannot be read. WhatsApp error 190"),
  ]);
  expect(await failing({ phone_number_id: "999" })).toHaveLength(1);
  expect(await failing({ app_secret: "wrong0secret" })).toEqual([
    expect.stringContaining("app secret does not belong"),
    expect.stringContaining("token is not valid"),
  ]);
  desk.server.subscribedApp = "1";
  expect(await failing({})).toEqual([expect.stringContaining("not subscribed")]);
});

test("case 73: no secret stands in a log, a reason or a finding", async () => {
  const secrets = [SETTINGS.access_token, SETTINGS.app_secret, SETTINGS.verify_token];
  const message = `Bad token ${secrets.join(" ")}`;
  const { address } = await desk.heard();
  desk.answerWith({ status: 400, code: 190, message, details: message });
  const [part] = desk.account.instance.render({ text: "Hi" });

  const said = JSON.stringify([
    await desk.send(part, address),
    await desk.account.instance.probe(AbortSignal.timeout(20_000)),
    await desk.account.handle("POST", { body: Buffer.from("{}"), headers: {} }),
    desk.account.logged,
  ]);

  for (const secret of secrets) expect(said).not.toContain(secret);
});
