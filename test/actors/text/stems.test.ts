// Stems of languages with rich inflection: forms of one word meet, other words stay apart.

import { describe, expect, test } from "vitest";
import { stemArabic } from "../../../actors/text/stem-arabic.ts";
import { stemRussian } from "../../../actors/text/stem-russian.ts";
import { normalise } from "../../../actors/text/words.ts";

const stemsOf = (words: string, stem: (word: string) => string): string[] => [
  ...new Set(words.split(" ").map((word) => stem(normalise(word)))),
];

describe("Russian", () => {
  test.each([
    ["билет билета билеты билетов билетам билетами"],
    ["станция станции станцию станцией станциям"],
    ["новый новая новое новые нового новому новыми новую"],
    ["читать читал читала читали читает"],
    ["умывался умывалась умываться"],
    ["важность важности важностью"],
    ["поезд поезда поездов поездами"],
    ["чистейший чистейшая"],
    ["рыжий рыжего рыжему"],
    ["ёж ежа ежи"],
  ])("forms of one word have one stem: %s", (forms) => {
    expect(stemsOf(forms, stemRussian)).toHaveLength(1);
  });

  test("other words, and those without a vowel, stay what they are", () => {
    expect(stemsOf("билет мёд паспорт дом", stemRussian)).toHaveLength(4);
    expect(stemRussian("мчс")).toBe("мчс");
    expect(stemRussian("важност")).not.toBe(stemRussian("кость"));
  });
});

describe("Arabic", () => {
  test.each([
    ["كتاب الكتاب بالكتاب والكتاب للكتاب"],
    ["مهندس مهندسون مهندسين المهندسين"],
    ["شركة الشركات"],
    ["أحمد احمد"],
  ])("forms of one word have one stem: %s", (forms) => {
    expect(stemsOf(forms, stemArabic)).toHaveLength(1);
  });

  test("short words are not cut to nothing", () => {
    for (const word of ["ال", "هي", "ان", "بال"])
      expect(stemArabic(word).length).toBeGreaterThan(1);
    expect(stemsOf("كتاب قلم بيت", stemArabic)).toHaveLength(3);
  });
});
