// Plain BM25 as a textbook has it, over words or over n-grams of characters: what a search in any
// language must not be below.

/** How a text is cut. */
export type Cut = (text: string) => readonly string[];

/** Words as the platform's dictionary finds them, folded; nothing else is done to them. */
export function words(language: string): Cut {
  const segmenter = new Intl.Segmenter(language, { granularity: "word" });
  return (text) =>
    [...segmenter.segment(text.toLowerCase())]
      .filter(({ isWordLike }) => isWordLike)
      .map(({ segment }) => segment);
}

/** All runs of `size` letters or digits within what stands between spaces and marks. */
export function grams(size: number): Cut {
  return (text) =>
    (text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).flatMap((word) => {
      const letters = [...word];
      if (letters.length <= size) return [word];
      return letters.slice(size - 1).map((_, at) => letters.slice(at, at + size).join(""));
    });
}

/** Mean nDCG@10 of questions that one text each answers: `answers[n]` is the text of question n. */
export function gradeOf(
  questions: readonly string[],
  answers: readonly number[],
  search: (question: string) => readonly number[],
): number {
  let sum = 0;
  for (const [at, question] of questions.entries()) {
    const rank = search(question)
      .slice(0, 10)
      .indexOf(answers[at] ?? -1);
    if (rank >= 0) sum += 1 / Math.log2(rank + 2);
  }
  return sum / questions.length;
}

/** Texts by score, best first. */
export function plainBm25(texts: readonly string[], cut: Cut): (question: string) => number[] {
  const [k1, b] = [1.2, 0.75];
  const documents = texts.map((text) => cut(text));
  const mean = documents.reduce((sum, terms) => sum + terms.length, 0) / documents.length;
  const holders = new Map<string, number>();
  for (const terms of documents) {
    for (const term of new Set(terms)) holders.set(term, (holders.get(term) ?? 0) + 1);
  }
  const scoreOf = (asked: readonly string[], terms: readonly string[]): number => {
    let score = 0;
    for (const term of asked) {
      const count = terms.filter((other) => other === term).length;
      const found = holders.get(term) ?? 0;
      const rarity = Math.log(1 + (documents.length - found + 0.5) / (found + 0.5));
      score += (rarity * count * (k1 + 1)) / (count + k1 * (1 - b + (b * terms.length) / mean));
    }
    return score;
  };
  return (question) => {
    const asked = cut(question);
    return documents
      .map((terms, at) => ({ at, score: scoreOf(asked, terms) }))
      .filter(({ score }) => score > 0)
      .sort((left, right) => right.score - left.score || left.at - right.at)
      .map(({ at }) => at);
  };
}
