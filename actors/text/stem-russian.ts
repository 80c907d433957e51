// Russian stems by the Snowball rules (Porter, https://snowballstem.org/algorithms/russian/stemmer.html):
// one ending of a gerund, an adjective, a verb or a noun, then what derives nouns and superlatives. Its
// neighbours in Cyrillic letters inflect much alike.

const VOWEL = /[аеиоуыэюя]/;
const SYLLABLE = /[аеиоуыэюя][^аеиоуыэюя]/;
/** Normalised words have no breve: й is и in them. */
const oneOf = (text: string): string => text.replaceAll("й", "и").split(" ").join("|");
const endings = (text: string): RegExp => new RegExp(`(?:${oneOf(text)})$`);
/** Endings that count only after these letters, which stay. */
const after = (text: string): RegExp => new RegExp(`([ая])(?:${oneOf(text)})$`);

const GERUND = endings("ившись ывшись ивши ывши ив ыв");
const GERUND_AFTER = after("вшись вши в");
const REFLEXIVE = endings("ся сь");
const ADJECTIVE = endings(
  "ими ыми его ого ему ому ее ие ые ое ей ий ый ой ем им ым ом их ых ую юю ая яя ою ею",
);
const PARTICIPLE = endings("ивш ывш ующ");
const PARTICIPLE_AFTER = after("ем нн вш ющ щ");
const VERB = endings(
  "ейте уйте ила ыла ена ите или ыли ило ыло ено ует уют ены ить ыть ишь ей уй ил ыл им ым ен ят ит ыт ую ю",
);
const VERB_AFTER = after("ете йте ешь нно ла на ли ем ло но ет ют ны ть й л н");
const NOUN = endings(
  "иями ями ами ией иям ием иях ев ов ие ье еи ии ей ой ий ям ем ам ом ах ях ию ью ия ья а е и й о у ы ь ю я",
);
const DERIVED = /ость?$/;
const SUPERLATIVE = /ейше?$/;

/** The stem of a normalised word in Cyrillic letters; a word without a vowel is its own. */
export function stemRussian(word: string): string {
  const vowel = word.search(VOWEL);
  if (vowel < 0) return word;
  const start = word.slice(0, vowel + 1);
  let rest = withoutEnding(word.slice(vowel + 1)).replace(/и$/, "");
  const derived = (start + rest).search(DERIVED);
  if (derived >= secondRegion(word)) rest = rest.replace(DERIVED, "");
  const plain = rest.replace(SUPERLATIVE, "");
  if (plain.endsWith("нн")) return start + plain.slice(0, -1);
  return start + (plain === rest ? rest.replace(/ь$/, "") : plain);
}

function withoutEnding(rest: string): string {
  const gerund = first(rest, [GERUND, ""], [GERUND_AFTER, "$1"]);
  if (gerund !== undefined) return gerund;
  const own = rest.replace(REFLEXIVE, "");
  const adjective = first(own, [ADJECTIVE, ""]);
  if (adjective !== undefined) {
    return first(adjective, [PARTICIPLE, ""], [PARTICIPLE_AFTER, "$1"]) ?? adjective;
  }
  return first(own, [VERB, ""], [VERB_AFTER, "$1"], [NOUN, ""]) ?? own;
}

/** What the first rule that fits leaves. */
function first(word: string, ...rules: readonly (readonly [RegExp, string])[]): string | undefined {
  for (const [ending, put] of rules) {
    const left = word.replace(ending, put);
    if (left !== word) return left;
  }
  return undefined;
}

/** Where the second syllable has ended: what derives a noun stands behind it. */
function secondRegion(word: string): number {
  const one = word.search(SYLLABLE);
  if (one < 0) return word.length;
  const two = word.slice(one + 2).search(SYLLABLE);
  return two < 0 ? word.length : one + 2 + two + 2;
}
