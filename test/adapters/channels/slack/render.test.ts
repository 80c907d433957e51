// Messages of Slack stay within its limits whatever a model writes, and every character of a model stays text
// (case 65).

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Button } from "../../../../actors/channels/outgoing.ts";
import { slackLimits } from "../../../../adapters/channels/slack/limits.ts";
import { renderSlack, renderSlackPlain } from "../../../../adapters/channels/slack/render.ts";

interface Block {
  readonly type: string;
  readonly text?: { readonly text: string };
  readonly elements?: readonly {
    readonly text: { readonly text: string };
    readonly value: string;
  }[];
}

const piece = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.lorem({ maxCount: 60 }),
  fc.constantFrom(
    "<!channel>",
    "<@U1>",
    "&amp;",
    "@here",
    "```\ncode\n",
    "| a | b |\n|---|---|\n",
    "**",
    "# ",
  ),
  fc.nat({ max: 5_000 }).map((length) => "x&".repeat(length / 2)),
);
const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("\n"));
const label = fc.string({ unit: "grapheme", maxLength: 120 });
const button = fc.record({ action: fc.stringMatching(/^[a-z0-9_.:-]{1,64}$/), label });
const buttons = fc.array(button, { maxLength: 110 });

test("parts, sections, labels and rows are within their limits, and no mark of Slack's is the model's", () => {
  fc.assert(
    fc.property(text, buttons, (said, wanted: Button[]) => {
      for (const render of [renderSlack, renderSlackPlain]) {
        const parts = render({ text: said, buttons: wanted });
        expect(parts.length).toBeGreaterThan(0);
        const rows: Block[] = [];
        for (const { body } of parts) {
          const written = String(body["text"]);
          const blocks = (body["blocks"] ?? []) as Block[];
          expect(written.length).toBeLessThanOrEqual(12_000);
          if (blocks.length === 0) expect(written.length).toBeLessThanOrEqual(slackLimits.text);
          // Plain texts of Block Kit are shown as they are; all others are read by Slack.
          const read = blocks.flatMap((block) => (body["mrkdwn"] ? (block.text?.text ?? []) : []));
          expect([written, ...read].join("\n")).not.toMatch(/<[!@#]/);
          expect(blocks.length).toBeLessThanOrEqual(50);
          for (const block of blocks) {
            if (block.type === "actions") rows.push(block);
            else expect(block.text?.text.length).toBeLessThanOrEqual(slackLimits.sectionText);
            expect(block.text?.text).not.toBe("");
          }
        }
        const shown = rows.flatMap(({ elements = [] }) => elements);
        expect(rows.every(({ elements = [] }) => elements.length <= slackLimits.rowButtons)).toBe(
          true,
        );
        expect(shown.map(({ value }) => value)).toEqual(wanted.map(({ action }) => action));
        for (const { text } of shown) {
          expect(text.text.length).toBeLessThanOrEqual(slackLimits.buttonLabel);
          expect(text.text).not.toBe("");
          expect(text.text).not.toMatch(/\p{Surrogate}/u);
        }
      }
    }),
    { numRuns: 20 },
  );
});

test("text without marks has as many parts as text with marks where both fit, and says the same", () => {
  const said = "# Title\n\nSome **bold** [words](https://a.example) & more";

  expect(renderSlack({ text: said }).map(({ body }) => body["text"])).toEqual([
    "*Title*\n\nSome *bold* <https://a.example|words> &amp; more",
  ]);
  expect(renderSlackPlain({ text: said })).toEqual([
    {
      body: { text: "Title\n\nSome bold words (https://a.example) &amp; more", mrkdwn: false },
      plain: "Title\n\nSome bold words (https://a.example) & more",
    },
  ]);
});
