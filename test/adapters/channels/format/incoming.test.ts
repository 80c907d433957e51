// What people write, as a model reads it; and choices where a platform has no buttons.

import { describe, expect, test } from "vitest";
import { chosenAction, writtenButtons } from "../../../../adapters/channels/format/buttons.ts";
import { fromHtml } from "../../../../adapters/channels/format/from-html.ts";
import { fromSlack } from "../../../../adapters/channels/format/from-slack.ts";
import { plainText } from "../../../../adapters/channels/format/plain.ts";

describe("from Slack", () => {
  test.each([
    ["<@U1|ann> in <#C1|room>, <@U2> <#C2>", "@ann in #room, @Bob #C2"],
    [
      "<https://a.b|the [site]> <https://a.b> <mailto:m@a.b|m@a.b>",
      "[the \\[site\\]](<https://a.b>) https://a.b m@a.b",
    ],
    ["<!here> <!subteam^S1|@ops> <!date^1^{date}|today>", "@here @ops today"],
    ["*bold* _it_ ~gone~ 2*3*4 a~b~c", "**bold** _it_ ~~gone~~ 2*3*4 a~b~c"],
    ["`*a* &lt;b&gt;` ```\n*c* <@U1>\n```", "`*a* <b>` ```\n*c* <@U1>\n```"],
    ["• one\n• two &amp;lt; three", "- one\n- two &lt; three"],
  ])("%s", (mrkdwn, markdown) => {
    expect(fromSlack(mrkdwn, (id) => (id === "U2" ? "Bob" : id))).toBe(markdown);
  });

  test("hostile text takes no time", () => {
    for (const piece of ["*a ", "<", "`", "```", "~", "<@", "_*~"])
      expect(fromSlack(piece.repeat(40_000)).length).toBeGreaterThan(0);
  });
});

test("a mail's HTML keeps its structure and where its links lead", () => {
  const html =
    '<style>x</style><h2>Offer</h2><p>See <a href="https://a.b/c">our <b>site</b></a> or ' +
    '<a href="mailto:m@a.b">m@a.b</a>, <a href="javascript:x">not</a> <a href="https://d.e"><img src=f></a>.</p>' +
    "<ul><li>one</li><li>two</li></ul><script>y</script>";

  expect(fromHtml(html)).toBe(
    "## Offer\n\nSee our site (https://a.b/c) or m@a.b, not .\n\n- one\n- two",
  );
});

describe("choices where there are no buttons", () => {
  const buttons = [
    { action: "approve:1", label: "Approve *all*" },
    { action: "reject:1", label: "Reject" },
    { action: "later:1", label: "2" },
  ];

  test("are written as numbered lines", () => {
    expect(plainText(writtenButtons(buttons))).toBe(
      "Reply with a number:\n\n1. Approve *all*\n2. Reject\n3. 2",
    );
    expect(plainText(writtenButtons(buttons, "Bitte Nummer antworten:"))).toMatch(/^Bitte/);
    expect(writtenButtons([])).toBe("");
  });

  test("are chosen by number or label; what could be two is neither", () => {
    const chosen = ["1", " 1. ", "*1*", "approve *all*", "REJECT!", "2", "3", "4", "yes", ""].map(
      (reply) => chosenAction(reply, buttons),
    );

    expect(chosen).toEqual([
      ...["approve:1", "approve:1", "approve:1", "approve:1", "reject:1"],
      ...[null, "later:1", null, null, null],
    ]);
  });
});
