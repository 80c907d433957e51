// Markdown as nobody would write it: what begins and ends marks, links, blocks and calls, in any order.

import fc from "fast-check";

const pieces = [
  ...[
    "a",
    "b c",
    "word ",
    "Lorem ipsum. ",
    "Satz。",
    "a_b_c",
    "x*y*z",
    "5. ",
    "\\",
    "\\*",
    "$",
    "{",
  ],
  ...["**", "*", "_", "__", "~~", "~", "`", "``", "`` ` ``", "```", "```ts\n", "~~~\n"],
  ...["\n", "\n", "\n\n", "\n\n", "  ", "    ", "\t", "\u00a0", "\u2028", "\r\n", "  \n"],
  ...["- ", "+ ", "* ", "1. ", "12) ", "> ", "# ", "## ", "===", "---", "***", "[ ] ", "[x] "],
  ...["| a | b |\n|---|:-:|\n| 1 | `x|y` |\n", "|", "|-|", "#", "=", ":", "!", "&"],
  ...["[x](http://e.com/a_b)", "[", "]", "(", ")", "![i](u)", "[a]: /url\n", "[a]", "[^1]"],
  ...["<b>", "<!-- x", "-->", "<!---->", "<br>", "<http://q.r>", "&amp;", "&lt;", "&#32;", "&#10;"],
  ...["http://x.y/z", "www.a.b", "me@a.bc", "<!channel>", "<@U1>", "@everyone"],
  ...["👩‍👩‍👧‍👦", "e\u0301\u0327", "שלום ", "日本語", "\ud83d", "\u200d"],
];

/** A text of many of them. */
export const tangledMarkdown: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 80 })
  .map((chosen) => chosen.join(""));
