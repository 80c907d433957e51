// What models write, as each platform takes it: its own marks, and nothing of the model that would be
// more than text there.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { discordText } from "../../../../adapters/channels/format/discord.ts";
import { mailHtml } from "../../../../adapters/channels/format/mail.ts";
import { lengthOf } from "../../../../adapters/channels/format/measure.ts";
import { pieces } from "../../../../adapters/channels/format/pieces.ts";
import { plainText } from "../../../../adapters/channels/format/plain.ts";
import { slackText } from "../../../../adapters/channels/format/slack.ts";
import { teamsText } from "../../../../adapters/channels/format/teams.ts";
import { telegramHtml } from "../../../../adapters/channels/format/telegram.ts";
import { whatsappText } from "../../../../adapters/channels/format/whatsapp.ts";
import { tangledMarkdown } from "../../../support/channels/markdown.ts";

const answer = `# **Plan** for Q3

Some **bold**, _it_, ~~gone~~ & \`a < b\`: [the site](https://a.b/c?d=1&e=2).
me@a.bc

1. one
2. two
   - [x] done

> said

| a | b |
|---|---|
| 1 | **2** |

\`\`\`ts
x < 1
\`\`\`

---`;

test("plain text has no marks, addresses behind their words, and lists as lines", () => {
  expect(plainText(answer)).toBe(
    "Plan for Q3\n\nSome bold, it, gone & a < b: the site (https://a.b/c?d=1&e=2).\nme@a.bc\n\n" +
      "1. one\n2. two\n   - [x] done\n\nsaid\n\na | b\n1 | 2\n\nx < 1\n\n---",
  );
});

test("WhatsApp", () => {
  expect(whatsappText(answer)).toBe(
    "*Plan for Q3*\n\nSome *bold*, _it_, ~gone~ & ```a < b```: the site (https://a.b/c?d=1&e=2).\nme@a.bc\n\n" +
      "1. one\n2. two\n   - [x] done\n\n> said\n\n```\na | b\n--+--\n1 | 2\n```\n\n```\nx < 1\n```\n\n---",
  );
});

describe("Telegram", () => {
  test("has its own few tags", () => {
    expect(telegramHtml(answer)).toBe(
      "<b>Plan for Q3</b>\n\nSome <b>bold</b>, <i>it</i>, <s>gone</s> &amp; <code>a &lt; b</code>: " +
        '<a href="https://a.b/c?d=1&amp;e=2">the site</a>.\nme@a.bc\n\n1. one\n2. two\n   • [x] done\n\n' +
        "<blockquote>said</blockquote>\n\n<pre>a | b\n--+--\n1 | 2</pre>\n\n" +
        '<pre><code class="language-ts">x &lt; 1</code></pre>\n\n---',
    );
  });

  test("counts what is read, so that a part may be longer than its limit", () => {
    const [one, ...others] = pieces("<&> ".repeat(1_000), {
      ...{ max: 4_096, unit: "utf16", render: telegramHtml },
    });

    expect(others).toEqual([]);
    expect(one?.text.length).toBeGreaterThan(4_096);
    expect(lengthOf(one?.text ?? "", telegramHtml, "utf16")).toBe(3_999);
  });

  test("calls no person by a link", () => {
    expect(telegramHtml('[you](tg://user?id=1) <a href="tg://user?id=1">x</a>')).not.toMatch(/<a/);
  });
});

describe("Discord", () => {
  test("has its own Markdown; what is no mark is escaped", () => {
    expect(discordText(answer)).toBe(
      "# Plan for Q3\n\nSome **bold**, _it_, ~~gone~~ & `a < b`: [the site](<https://a.b/c?d=1&e=2>).\nme@a.bc\n\n" +
        "1. one\n2. two\n   - [x] done\n\n> said\n\n```\na | b\n--+--\n1 | 2\n```\n\n```ts\nx < 1\n```\n\n\\---",
    );
    expect(discordText("\\# 2*3\\*4 ||x|| a_b\n1\\. c")).toBe(
      "\\# 2\\*3\\*4 \\|\\|x\\|\\| a\\_b\n1\\. c",
    );
  });

  test("calls nobody", () => {
    const written = discordText("@everyone @here <@1> <@!1> <@&2> <#3> [x](<@1>) **@everyone**");

    expect(written).not.toMatch(/@everyone|@here|<@!?&?\d|<#\d/);
    expect(written.replaceAll(/[\u200b\\]/g, "")).toBe(
      "@everyone @here <@1> <@!1> <@&2> <#3> x (@1) **@everyone**",
    );
  });
});

test("Teams has Markdown in which tags are entities", () => {
  expect(
    teamsText("# H\n\na *b*\n<at>Bob</at> & `<x>` [l](https://a.b/(c)) [j](javascript:x)"),
  ).toBe(
    "**H**\n\na _b_  \n&lt;at&gt;Bob&lt;/at&gt; &amp; `&lt;x&gt;` [l](https://a.b/%28c%29) j (javascript:x)",
  );
});

describe("mail", () => {
  test("is a whole fragment with its looks in its tags", () => {
    const html = mailHtml(answer).replaceAll(/ (?:style|rel)="[^"]*"/g, "");

    expect(html).toBe(
      '<div dir="auto">\n<h1>Plan for Q3</h1>\n\n<p>Some <strong>bold</strong>, <em>it</em>, <del>gone</del> &amp; ' +
        '<code>a &lt; b</code>: <a href="https://a.b/c?d=1&amp;e=2">the site</a>.<br>\n' +
        '<a href="mailto:me@a.bc">me@a.bc</a></p>\n\n<ol>\n<li>one</li>\n<li>two\n<ul>\n<li>☑ done</li>\n</ul></li>\n</ol>\n\n' +
        "<blockquote>\n<p>said</p>\n</blockquote>\n\n<table>\n<tr><th>a</th><th>b</th></tr>\n" +
        "<tr><td>1</td><td><strong>2</strong></td></tr>\n</table>\n\n<pre>x &lt; 1</pre>\n\n<hr>\n</div>",
    );
  });

  test.each([
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>"],
    ["[x](javascript:alert(1)) [y](data:text/html,<script>)", "![z](cid:1)"],
    ['[x](https://a.b/"onmouseover="alert(1))', '[a](<https://b.c/" onclick="d>)'],
    ["`<script>`", '```"><script>\n</pre><script>\n```'],
    ["- ```\n  <b>\n  ```\n\n  <b>\n- a", "1. > <b>"],
    ["| <b> |\n|---|\n| <script> |", "<!-- --><style>*{}</style>"],
  ])("no HTML of the model passes: %s", (...texts) => {
    const html = mailHtml(texts.join("\n\n"));

    expect(tagsOf(html).filter((tag) => !OURS.test(tag))).toEqual([]);
    expect(unended(html)).toEqual([]);
  });
});

const OURS =
  /^<(?:\/?(?:div|p|h\d|ul|li|blockquote|table|tr|th|td|pre|code|strong|em|del|br|hr|a|ol)|ol(?: start="\d+")?)(?: dir="auto")?(?: style="[^"<>]*")?>$|^<a href="(?:https?:|mailto:)[^"<>]*" rel="noopener noreferrer">$/;
const tagsOf = (html: string) => html.match(/<[^>]*>?/g) ?? [];

describe("any text", () => {
  test("has no tags in a mail or at Telegram but ours, each ended in order", () => {
    fc.assert(
      fc.property(tangledMarkdown, (text) => {
        const mail = mailHtml(text);
        const telegram = telegramHtml(text);

        expect(tagsOf(mail).filter((tag) => !OURS.test(tag))).toEqual([]);
        expect(
          tagsOf(telegram).filter(
            (tag) =>
              !/^<\/?(?:b|i|s|pre|code|blockquote|a)>$|^<a href="https?:[^"<>]*">$|^<code class="language-[\w+#.-]+">$/.test(
                tag,
              ),
          ),
        ).toEqual([]);
        for (const html of [mail, telegram]) expect(unended(html)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("fits as a message of each platform, with its marks and without", () => {
    fc.assert(
      fc.property(
        tangledMarkdown,
        fc.constantFrom(slackText, whatsappText, telegramHtml, discordText, teamsText, plainText),
        fc.integer({ min: 64, max: 200 }),
        (text, render, max) => {
          const all = pieces(text, { max, unit: "utf16", render, parts: 1_000 });

          for (const { text: written, plain } of all) {
            expect(lengthOf(written, render, "utf16")).toBeLessThanOrEqual(max);
            expect(plain.length).toBeLessThanOrEqual(max);
          }
          const said = all.map(({ plain }) => plain).join("\n");
          expect(said.replaceAll(/\s+/g, "")).toBe(plainText(text).replaceAll(/\s+/g, ""));
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** Tags that were begun and not ended, or ended in another order. */
function unended(html: string): string[] {
  const open: string[] = [];
  for (const [, end, name = ""] of html.matchAll(/<(\/?)([a-z]+\d?)[^>]*>/g)) {
    if (name === "br" || name === "hr") continue;
    if (end === "") open.push(name);
    else if (open.pop() !== name) return [`</${name}>`];
  }
  return open;
}
