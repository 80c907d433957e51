// Text without marks: for SMS, for lists of deliveries, and for a platform that refused the marks.

import { isBare } from "./document.ts";
import { renderer } from "./render.ts";

/** Plain text: links as `text (address)`, lists and tables as lines. */
export const plainText = renderer({
  text: (value) => value,
  code: (value) => value,
  mark: (_, inner) => inner,
  link: (label, url, words) => (isBare(words, url) ? label : `${label} (${url})`),
  heading: (inner) => inner,
  bullet: (number, isDone) => `${number === null ? "-" : `${number}.`} ${taskBox(isDone)}`,
  fence: (value) => value,
  quote: (body) => body,
  rule: "---",
  table: (rows) =>
    rows
      .filter((row) => row.some((cell) => cell !== ""))
      .map((row) => row.join(" | ").replaceAll("\n", " "))
      .join("\n"),
});

/** A task's box, for platforms without any. */
export function taskBox(isDone: boolean | null): string {
  if (isDone === null) return "";
  return isDone ? "[x] " : "[ ] ";
}
