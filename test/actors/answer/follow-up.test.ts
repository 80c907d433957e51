// Which short messages are searched together with the one before them.

import { expect, test } from "vitest";
import { searchedFor } from "../../../actors/answer/follow-up.ts";

const before = "How do I export my invoices?";

test.each([
  "And how long does that take?",
  "And in Germany?",
  "How much?",
  "How much does it cost?",
  "For last month only",
  "Was kostet das im Monat?",
  "Und nach Österreich?",
  "¿Y cuánto cuesta eso al mes?",
  "多少钱？",
  "А сколько это стоит?",
])("%s goes on with what was asked before", (message) => {
  expect(searchedFor(message, before)).toBe(`${message}\n${before}`);
});

test.each([
  "What is the capital of France?",
  "Who wrote Hamlet and Macbeth in 1606? I do not know.",
  "Welche Planeten haben Ringe?",
  "¿Cuál es la capital de Francia?",
  "Quelle est la capitale de la France ?",
])("%s is a question of its own", (message) => {
  expect(searchedFor(message, before)).toBe(message);
});

test("the first message is searched as it is", () => {
  expect(searchedFor("And that?", undefined)).toBe("And that?");
});
