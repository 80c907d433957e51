// Light stemming: enough to see that "invoices" is "invoice" and "Rechnungen" is "Rechnung" in the
// main European languages, without a dictionary and without knowing the language. A word gets one
// stem a language family; two words agree when they agree in one family, so that an English rule
// is never compared with a German one.

interface Rule {
  readonly suffix: string;
  readonly put: string;
}

interface Family {
  readonly label: string;
  /** Longest first. */
  readonly rules: readonly Rule[];
  /** Characters that must be left. */
  readonly leaves: number;
}

const rules = (text: string): Rule[] =>
  text
    .split(" ")
    .map((entry) => {
      const [suffix = "", put = ""] = entry.split(">");
      return { suffix, put };
    })
    .sort((a, b) => b.suffix.length - a.suffix.length);

const english: Family = {
  label: "e",
  leaves: 3,
  rules: rules(
    "sses>ss ies>y ied>y ying>y ations ation ators ator ings ing edly ed ers er es s ly e y>i i>i",
  ),
};

const families: readonly Family[] = [
  // German, Dutch and Nordic.
  {
    label: "g",
    leaves: 4,
    rules: rules("ungen>ung innen>in erin ern ers est ens en em er es et e n s t"),
  },
  // French, Spanish, Italian, Portuguese, Catalan, Romanian.
  {
    label: "r",
    leaves: 4,
    rules: rules(
      "amientos amiento imientos imiento issements issement ements ement aciones acion azioni azione acoes acao ations ation " +
        "aremos eremos iremos ando endo iendo ados adas ado ada idos idas ido ida ates ate ees ee es er ez " +
        "ons ent ant ais ait aient ar ir are ere ire ato ata ati iamo amos emos imos ables able " +
        "aux>al os as a o e i s",
    ),
  },
  // Russian, Ukrainian, Bulgarian and their neighbours.
  {
    label: "s",
    leaves: 3,
    rules: rules(
      "иями ями ами иях ах ях ием ем ом ов ев ей ой ый ии ая яя ое ее ые ие ого его ому ему ую юю ыми ими ить ать ять еть ишь ит ют ут ет ешь ил ила или ал ала али ться тся ться а я ы и о е у ю ь й",
    ),
  },
  // Polish, Czech, Slovak (accents already removed).
  {
    label: "w",
    leaves: 4,
    rules: rules("iami ami ach ow om em ego emu ych ymi ymi ie ia a e i o u y"),
  },
];

const VOWEL = /[aeiouyаеиоуыэюяáéíóú]/;
const WORD_CHARS_MAX = 40;

function strip(word: string, family: Family): string {
  for (const { suffix, put } of family.rules) {
    if (!word.endsWith(suffix)) continue;
    const left = word.slice(0, word.length - suffix.length);
    if (left.length + put.length < family.leaves || !VOWEL.test(left)) continue;
    return left + put;
  }
  return word;
}

function single(word: string): string {
  const last = word.at(-1);
  return word.length > 3 && last === word.at(-2) ? word.slice(0, -1) : word;
}

const englishCache = new Map<string, string>();
const CACHE_MAX = 20_000;

/** The English-like stem of a normalised word: one form for plural, -ed, -ing, -ation and doubling. */
export function stem(word: string): string {
  if (word.length < 4 || word.length > WORD_CHARS_MAX || word === "news") return word;
  const known = englishCache.get(word);
  if (known !== undefined) return known;
  const once = strip(word, english);
  // "billings" loses its s first in other orders; a second pass makes the forms meet.
  const made = single(once === word ? word : strip(once, english));
  if (englishCache.size >= CACHE_MAX) englishCache.clear();
  englishCache.set(word, made);
  return made;
}

/**
 * Labels under which a normalised word is compared: itself and one stem a language family.
 * Two words are inflections of one another when they share a label.
 */
export function stemLabels(word: string): readonly string[] {
  const known = labelCache.get(word);
  if (known !== undefined) return known;
  const labels = labelsOf(word);
  if (labelCache.size >= CACHE_MAX) labelCache.clear();
  if (word.length <= WORD_CHARS_MAX) labelCache.set(word, labels);
  return labels;
}

const labelCache = new Map<string, readonly string[]>();

function labelsOf(word: string): string[] {
  const labels = [`=${word}`];
  if (word.length < 3 || word.length > WORD_CHARS_MAX) return labels;
  // From three characters on: "cars" must find "car".
  labels.push(`e${stem(word)}`);
  if (word.length < 4) return labels;
  for (const family of families) labels.push(family.label + single(strip(word, family)));
  return labels;
}
