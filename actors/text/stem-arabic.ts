// Light stemming of Arabic ("light10"; Larkey, Ballesteros and Connell, 2007): articles and what is
// written together with them, and the endings of number, gender and possession. Roots are left alone.

const VOWEL_SIGNS = /[\u064b-\u0652\u0640]/g;
const ALEF = /[\u0622\u0623\u0625]/g;
const BEFORE = /^(?:وال|بال|كال|فال|لل|ال)/;
const AFTER = /(?:ها|ان|ات|ون|ين|يه|ية|ه|ة|ي)$/;

/** Letters that must be left. */
const LEAVES = { after: 3, before: 2 } as const;
const ENDINGS_MAX = 2;

/** The stem of a normalised Arabic word. */
export function stemArabic(word: string): string {
  const plain = word
    .replace(VOWEL_SIGNS, "")
    .replace(ALEF, "ا")
    .replaceAll("ى", "ي")
    .replace(/ة$/, "ه");
  const bare = plain.replace(BEFORE, "");
  let stem = bare.length < LEAVES.before ? plain : bare;
  for (let ending = 0; ending < ENDINGS_MAX; ending += 1) {
    const shorter = stem.replace(AFTER, "");
    if (shorter.length < LEAVES.after) break;
    stem = shorter;
  }
  return stem;
}
