// E-mail keeps the promises of every adapter, and writes answers in both forms of a mail.

import { expect, test } from "vitest";
import { email } from "../../../../adapters/channels/email/adapter.ts";
import { renderMail } from "../../../../adapters/channels/email/render.ts";
import { mailSettings } from "../../../support/channels/mail-account.ts";
import { conforms } from "../conformance.ts";

conforms({
  adapter: email as never,
  settings: { ...mailSettings({ imap: 1, smtp: 1 }), timeout_seconds: 1 },
  required: ["address", "password", "imap_host", "smtp_host"],
  address: { to: "alice@example.test", thread: "t".repeat(16), subject: "x", references: [] },
});

test("an answer is a text without marks and HTML in which nothing of the model's own HTML passes", () => {
  const text =
    "It is **noon**, [see](https://example.test).\n\n<script>evil()</script>\n\n- a\n- b";

  const [part] = renderMail({ text, buttons: [{ action: "ap_1.yes", label: "Y<i>es" }] }, true);
  const html = String(part?.body["html"]);

  expect(part?.plain).toMatch(/^It is noon, see \(https:\/\/example\.test\)\./);
  expect(part?.plain).toContain("Y<I ES [#ap_1.yes]");
  expect(html).toContain("<strong>noon</strong>");
  expect(html).toContain('href="https://example.test"');
  expect(html).toContain("[#ap_1.yes]");
  expect(html).not.toMatch(/<script|<i>/i);
});
