// What is made of a mail's body: its new words, its files, a choice; and of mails that nobody should send.
// Case 61.

import fc from "fast-check";
import { expect, test } from "vitest";
import { readApart } from "../../../../adapters/channels/email/reader.ts";
import { renderMail } from "../../../../adapters/channels/email/render.ts";
import { trimmed } from "../../../../adapters/channels/email/trim.ts";
import { mail, message, read } from "../../../support/channels/mail-reading.ts";

const left = "[Earlier messages that this mail quotes were left out.]";
const answers = { "In-Reply-To": "<x@x>" };

test("what a mail program quotes is left out, and the agent is told so", async () => {
  const quotes = [
    "Yes please\n\nOn Mon, Jan 5, 2026 at 10:00 AM Bot <bot@x.y> wrote:\n> Approve?\n> a\n",
    "Yes please\n\n-----Original Message-----\nFrom: Bot\nSent: Monday\nTo: A\n\nApprove?",
    "Yes please\n\nAm Mo., 5. Jan. 2026 um 10:00 Uhr schrieb Bot <bot@x.y>:\n> Ok?\n",
  ];

  for (const body of quotes) {
    expect((await message(mail(answers, body))).text).toBe(`Yes please\n\n${left}`);
  }
  expect((await message(mail(answers, "> Q1?\nA1\n> Q2?\nA2\n"))).text).toContain("> Q1?\nA1");
  const passedOn = "---------- Forwarded message ---------\nFrom: Bob\n\nRead this.";
  expect((await message(mail(answers, passedOn))).text).toBe(passedOn);
});

test("trimming loses no new line and takes no time, however long the mail", () => {
  const words = fc.array(fc.constantFrom("a", "On ", "> q", "", "From: x", ", wrote:"), {
    maxLength: 900,
  });
  fc.assert(
    fc.property(words, (lines) => {
      const text = lines.join("\n");
      const { text: kept, isTrimmed } = trimmed(text);
      if (!isTrimmed) expect(kept).toBe(text.trim());
      expect(text.trim() === "" || kept !== "").toBe(true);
    }),
  );
  const long = Array.from({ length: 5_000 }, (_, index) => `line ${index}`).join("\n");
  expect(trimmed(long).text).toBe(long);
  const since = performance.now();
  trimmed(`On ${",".repeat(200_000)}\n`.repeat(4));
  trimmed(`${"> a\n".repeat(399)}---------- Forwarded message ---------\n`);
  trimmed("> a\n".repeat(100_000));
  expect(performance.now() - since).toBeLessThan(10_000);
});

test("the first mail of a thread has its subject, a command is its line alone", async () => {
  expect((await message(mail())).text).toBe("Subject: A question\n\nHello, what is the time?");
  expect((await message(mail(answers))).text).toBe("Hello, what is the time?");
  const command = "/status\n\nOn Mon, Jan 5, 2026 at 10:00 AM Bot <bot@x.y> wrote:\n> Hi\n";
  expect((await message(mail(answers, command))).text).toBe("/status");
});

test("a choice is a line to reply, and is understood in every way people reply", async () => {
  const action = "ap_7f3a.approve";
  const [part] = renderMail(
    {
      text: "Delete **all**?",
      buttons: [
        { action, label: "Approve" },
        { action: "ap_7f3a.reject", label: "Reject" },
      ],
    },
    true,
  );
  const quoted = (part?.plain ?? "")
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
  const below = `\n\nOn Mon, Jan 5, 2026 at 10:00 AM Bot <bot@x.y> wrote:\n${quoted}\n`;
  const replies = [
    `Approve${below}`,
    `APPROVE.\n\n-- \nAlice${below}`,
    `approve [#${action}]`,
    `approve ${action}`,
    `[#${action}]${below}`,
  ];

  for (const body of replies) {
    const { events } = await read(mail(answers, body));
    expect(events).toMatchObject([{ kind: "action", action, message: "<x@x>" }]);
  }
  const words = [
    `I approve of it${below}`,
    "approve",
    "approve tomorrow",
    `Approved, thanks${below}`,
  ];
  for (const body of words) {
    expect((await read(mail(answers, body))).events).toMatchObject([{ kind: "message" }]);
  }
});

function multipart(parts: readonly string[], type = "mixed"): Buffer {
  const body = parts.map((part) => `--b\r\n${part}\r\n`).join("");
  return mail({ "Content-Type": `multipart/${type}; boundary=b` }, `${body}--b--\r\n`);
}

const attached = (name: string, content = "aGVsbG8=", type = "application/octet-stream") =>
  [
    `Content-Type: ${type}`,
    `Content-Disposition: attachment; filename="${name}"`,
    "Content-Transfer-Encoding: base64",
    "",
    content,
  ].join("\r\n");

test("files have plain names, true sizes and a place to fetch them from (case 61)", async () => {
  const names = [
    "../../x",
    "C:\\\\dir\\\\..\\\\evil.exe",
    "",
    "winmail.dat",
    `${"n".repeat(300)}.pdf`,
  ];
  const raw = multipart([
    "Content-Type: text/plain\r\n\r\nSee there.",
    ...names.map((name) => attached(name)),
    attached("empty.txt", ""),
  ]);

  const { files = [], text } = await message(raw);

  expect(text).toContain("See there.");
  expect(files.map(({ name }) => name)).toEqual([
    ...["x", "evil.exe", "attachment-3.bin", "winmail.dat"],
    `${"n".repeat(146)}.pdf`,
    "empty.txt",
  ]);
  expect(files.map(({ bytes }) => bytes)).toEqual([5, 5, 5, 5, 5, 0]);
  expect(files[1]?.at).toEqual({ mailbox: "INBOX", uidValidity: "7", uid: 1, part: 1 });
});

test("of a hundred files twenty come along and the others are named (case 61)", async () => {
  const names = Array.from({ length: 100 }, (_, index) => `file-${index}.txt`);

  const { files = [], text } = await message(multipart(names.map((name) => attached(name))));

  expect(files).toHaveLength(20);
  expect(text).toContain("[80 further files were left out: file-20.txt, file-21.txt");
  expect(text.length).toBeLessThan(2_000);
});

test("mails of every charset and shape are read (case 61)", async () => {
  const jis = Buffer.from("1b2442467c4b5c386c1b2842", "hex");
  const typed = (type: string, body: string | Buffer, more = {}) =>
    message(mail({ "Content-Type": type, Subject: "", ...more }, body));

  expect((await typed("text/plain; charset=ISO-2022-JP", jis)).text).toBe("日本語");
  const latin = Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x20, 0x80]);
  expect((await typed("text/plain; charset=windows-1252", latin)).text).toBe("café €");
  expect((await typed("text/plain; charset=bogus-99", "plain")).text).toBe("plain");
  const html = "<style>x</style><p>Hi<br>there &amp; you</p><script>evil()</script>";
  expect((await typed("text/html", html)).text).toMatch(/^Hi\s+there & you$/);
  const broken = { "Content-Transfer-Encoding": "base64" };
  expect((await typed("text/plain", "!!!!aGk=###", broken)).text).toBe("hi");
  const cut = "--b\r\nContent-Type: text/plain\r\n\r\nbody";
  expect((await typed("multipart/mixed; boundary=b", cut)).text).toBe("body");
  expect((await typed("text/plain", "")).text).toBe("");
});

test("what is nested or headed beyond reason, or no mail at all, is set aside with its beginning (case 61)", async () => {
  const levels = Array.from(
    { length: 2_000 },
    (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`,
  );
  const wrong = [
    Buffer.from(`From: a@b.c\r\n${levels.join("")}Content-Type: text/plain\r\n\r\nx`),
    Buffer.from(`X: ${"a".repeat(3 << 20)}\r\nFrom: a@b.c\r\n\r\nx`),
    Buffer.from("just text"),
    Buffer.alloc(0),
  ];

  for (const raw of wrong) {
    const { events, parked } = await read(raw);
    expect(events).toEqual([]);
    expect(parked).toHaveLength(1);
    expect(parked[0]?.raw.length).toBeLessThanOrEqual(16 * 1_024);
  }
});

test("no bytes make the reader throw", async () => {
  const piece = fc.constantFrom(
    ...["From: a@b.c\r\n", "\r\n", "--b\r\n", "Content-Type: multipart/mixed; boundary=b\r\n"],
    ...["Content-Type: text/html\r\n", "References: <a@b>\r\n", "<p>", "\u0000", "=?utf-8?Q?=E4?="],
    ...[
      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
      "Action: failed\r\n",
    ],
    ...["Content-Type: message/delivery-status\r\n", "Content-Type: message/rfc822\r\n"],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }), async (parts) => {
      const { events, parked } = await read(Buffer.from(parts.join("")));
      expect(events.length + parked.length).toBeLessThanOrEqual(1);
    }),
  );
});

test("a mail beyond the text that is taken is cut one character behind it", async () => {
  const { text } = await message(mail({ ...answers }, "😀".repeat(60_000)));

  expect(text.length).toBe(100_000);
  expect(text.endsWith("😀")).toBe(true);
});

test("a mail made to take minutes is given up, and holds nobody up meanwhile (case 61)", async () => {
  const parts = "--b\r\n\r\n\r\n".repeat(400_000);
  const raw = mail({ "Content-Type": "multipart/mixed; boundary=b" }, parts);
  const plain = mail({}, "x".repeat(100_000));
  let turns = 0;
  const ticks = setInterval(() => {
    turns += 1;
  }, 5);

  await expect(readApart(raw, 400)).rejects.toThrow("it takes more than 400 ms");
  clearInterval(ticks);

  expect(turns).toBeGreaterThan(10);
  expect((await readApart(plain)).text).toHaveLength(100_000);
  await expect(readApart(Buffer.alloc(20_000, "Subject: x\r\n"))).resolves.toBeDefined();
});
