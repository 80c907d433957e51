// What models write, as Slack takes it. Case 65 of the research: nobody is called by a model's text.

import { describe, expect, test } from "vitest";
import { slackText } from "../../../../adapters/channels/format/slack.ts";

describe("mrkdwn", () => {
  test("marks, links and headings are Slack's", () => {
    expect(slackText("# Q3\n\n**bold** _it_ ~~gone~~ [site](https://a.b/c?d=1&e=2) `x < y`")).toBe(
      "*Q3*\n\n*bold* _it_ ~gone~ <https://a.b/c?d=1&amp;e=2|site> `x &lt; y`",
    );
  });

  test("lists keep their numbers, nesting and boxes", () => {
    expect(slackText("3. a\n4. b\n   - c\n     d\n\n- [x] e\n- [ ] f")).toBe(
      "3. a\n4. b\n   • c\n     d\n\n• [x] e\n• [ ] f",
    );
  });

  test("a table is a block of code whose columns stand below each other", () => {
    expect(slackText("| Name | n |\n|---|---|\n| **Bob** | 3 |\n| 日本 | 44 |")).toBe(
      "```\nName | n\n-----+---\nBob  | 3\n日本 | 44\n```",
    );
  });

  test("code keeps its lines and cannot end its own fence", () => {
    const written = slackText("````ts\nif (a < b) {\n```\n}\n````");

    expect(written).toBe("```\nif (a &lt; b) {\n`\u200b``\n}\n```");
  });

  test("a mark in the middle of a word is parted from it, or Slack would not read it", () => {
    expect(slackText("un**believ**able 这是**重点**内容")).toBe(
      "un\u200b*believ*\u200bable 这是\u200b*重点*\u200b内容",
    );
  });

  test("an address in a reference is found wherever it is given", () => {
    const text = `${"As [said].\n\n".repeat(400)}[said]: https://a.b`;

    expect(slackText(text).match(/<https:\/\/a\.b\|said>/g)).toHaveLength(400);
  });
});

describe("case 65", () => {
  test.each([
    ["<!channel> <!here> <!everyone> <!subteam^S1>"],
    ["<@U024BE7LH> <#C024BE7LR|general>"],
    ["[x](!channel) [y](@U024BE7LH) [z](#C024BE7LR) [w](<!here|a>)"],
    [
      "**<!channel>** `<!channel>`\n\n```\n<!channel>\n```\n\n> <!channel>\n\n<div><!channel></div>",
    ],
    ["| a |\n|---|\n| <!channel> |\n\n![<!channel>](<!channel>)"],
    ["[<!channel>](https://a.b/<!channel>|<!here>) &lt;!channel&gt; \\<!channel>"],
  ])("%s is nothing but text", (text) => {
    const written = slackText(text);

    // Between < and > stand web addresses alone.
    expect(
      [...written.matchAll(/<([^>]*)>?/g)].filter(([, it]) => !/^https:/.test(it ?? "")),
    ).toEqual([]);
    expect(written).toMatch(/channel|U024BE7LH/);
  });

  test("@everyone is broken", () => {
    expect(slackText("@everyone @here @channel bob@here.com")).toBe(
      "@\u200beveryone @\u200bhere @\u200bchannel <mailto:bob@here.com|bob@\u200bhere.com>",
    );
  });
});
