// The encoding of a text with few characters beyond ASCII, which statistics of bytes cannot tell: it is
// read in each encoding, and the one in which it looks most like a language is taken. What counts: common
// letters and signs, one script in a word, capitals where words begin.

import { decodeAs } from "./decode-as.ts";

/** From so many bytes beyond ASCII on, statistics know better. */
export const shortBytes = 96;

/** Mean of the characters' weights from which an encoding is believed, and by how much before Western. */
const LEAST = 0.55;
const AHEAD = 0.1;
/** Bytes that are looked at. */
const WORDS_MAX = 4_096;
/** Letters of a word to each side. */
const WORD_MAX = 32;
/** What is left of a score where Chinese or Japanese words have spaces between them. */
const SPACED = 0.85;
/** From so many letters on a word has a vowel, and one more for so many. */
const VOWEL_LETTERS = 3;
const VOWEL_EVERY = 6;
/** Marked letters of Central Europe that stand together. */
const CENTRAL_MAX = 4;

/** How well a character fits, 0..1, given its neighbours. */
type Weight = (text: readonly string[], at: number) => number;

const accents = new Set("äöüßéèêàáíóúñçâîôûåøæëïãõìòùý");
const centralLetters = new Set("ąćęłńóśźżěščřžýáíéúůďťňőűöüä");
const inWestern = /[\p{Script=Latin}]/u;
const cyrillic = weights(["оеаинтсрвлкмдпу", 1], ["яыьгзбчйхжіїє", 0.75], ["шюцщэфъёґў", 0.5]);
const cyrillicWords = new Set("авикосуяжбі");
const cyrillicVowels = /[аеёиоуыэюяіїє]/i;
const greekVowels = /[αεηιουωάέήίόύώϊϋΐΰ]/i;
/** Greek letters look like words more easily than Cyrillic ones. */
const GREEK = 0.88;
/** Western letters that are words. */
const westernWords = new Set("àéóyèÀÉÓ");
const greek = weights(["αοιετσνηυρπκμλςω", 1], ["άόίέήύώ", 0.9], ["δγχθφβξζψϊϋΐΰ", 0.7]);
const hanzi = new Set(
  "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从知全工己电明水高正使合理产世界问题第条规付支应租金甲乙协议文件请用户客服务您订单退款发票联系我们谢谢信息公司客户价格收到北京上海今今月号北南西东",
);
const hanja = new Set(
  "的一是不了人我在有他這為之大來以個中上們到說國和地也子時道出而要於就下得可你年生自會那後能對著事其裡所去行過家十用發天如然作方成者多日都三小軍二無同麼經法當起與好看學進種將還分此心前面又定見只主沒公從知全工己電明水高正使合理產世界問題第條規付支應租金甲乙協議文件請客服務您訂單退款發票聯繫謝信息司戶價格收到北京臺灣今月號南西東約",
);
const kanji = new Set(
  "日本語人大年会国中一上下分時間出行学生今東京都市月火水木金土曜契約書請求注文返品電話番号名前住所質問回答会社員先々私何見言事者文字同自手前後高新長小白山川田力入口心問題利用方法場合必要以内確認送料変更的",
);
const hangul = new Set(
  "이다는을를에가의하고지로한도은자사리서기어시아인있그나대정수요니라해일것들주안여오부상보전장게마면적와으제소우조스동년모세무공원구용연문계방성비신만중물환불감합습녕배송언국약번호",
);
const spaceless = /[\u3001\u3002\u300c\u300d\uff0c\uff01\uff1f\uff1a\uff08\uff09]/;

const candidates: readonly (readonly [encoding: string, weight: Weight])[] = [
  ["shift_jis", wide((one) => japanese(one))],
  ["euc-jp", wide((one) => japanese(one))],
  ["gb18030", wide((one) => chinese(one, hanzi, "gb18030"))],
  ["big5", wide((one) => chinese(one, hanja, "big5"))],
  ["euc-kr", wide(korean)],
  ["windows-1251", cased(cyrillic, cyrillicWords, cyrillicVowels)],
  ["koi8-r", cased(cyrillic, cyrillicWords, cyrillicVowels)],
  ["ibm866", cased(cyrillic, cyrillicWords, cyrillicVowels)],
  ["windows-1253", greeks],
  ["windows-1250", central],
];

/** The encoding of a text that is no UTF-8; undefined when it is Western or cannot be told. */
export function shortEncoding(whole: Uint8Array): string | undefined {
  const bytes = wordsOf(whole);
  const base = scoreOf(bytes, "windows-1252", western);
  let [best, most] = [undefined as string | undefined, Math.max(LEAST, base + AHEAD)];
  for (const [encoding, weight] of candidates) {
    const score = scoreOf(bytes, encoding, weight);
    if (score < most || score === 0) continue;
    // The first of two that are as good.
    if (best !== undefined && score === most) continue;
    [best, most] = [encoding, score];
  }
  return best;
}

const FIRST_LETTER = 0x40;
const SPACE = 0x20;

/** The words with bytes beyond ASCII: smaller bytes are no letters, and in no encoding the second of a pair. */
function wordsOf(bytes: Uint8Array): Uint8Array {
  const words: number[] = [];
  let [from, isMarked] = [0, false];
  for (let at = 0; at <= bytes.length && words.length <= WORDS_MAX; at += 1) {
    const byte = bytes[at] ?? SPACE;
    if (byte >= 0x80) isMarked = true;
    if (byte >= FIRST_LETTER) continue;
    if (isMarked) words.push(...bytes.subarray(from, Math.min(at, from + WORDS_MAX)), SPACE);
    [from, isMarked] = [at + 1, false];
  }
  return Uint8Array.from(words);
}

function scoreOf(bytes: Uint8Array, encoding: string, weight: Weight): number {
  let text: string;
  try {
    text = decodeAs(bytes, encoding, { fatal: true });
  } catch {
    return 0;
  }
  const all = [...text];
  let [sum, count] = [0, 0];
  for (const [at, one] of all.entries()) {
    if (one <= "\u007f") continue;
    if (/[\u0080-\u009f\ufffd\ue000-\uf8ff]/.test(one)) sum -= 1;
    else sum += weight(all, at);
    count += 1;
  }
  if (count === 0) return 0;
  // Spaces between such characters are Korean.
  const isSpaced = encoding !== "euc-kr" && /[\u4e00-\u9fff] [\u4e00-\u9fff]/.test(text);
  return (isSpaced ? SPACED : 1) * (sum / count);
}

function weights(...groups: readonly (readonly [string, number])[]): ReadonlyMap<string, number> {
  return new Map(groups.flatMap(([letters, weight]) => [...letters].map((one) => [one, weight])));
}

const isAsciiLetter = (one: string | undefined): boolean => /^[A-Za-z]$/.test(one ?? "");
const isLetter = (one: string | undefined): boolean => /^\p{L}$/u.test(one ?? "");
const isUpper = (one: string | undefined): boolean => /^\p{Lu}$/u.test(one ?? "");
const isLower = (one: string | undefined): boolean => /^\p{Ll}$/u.test(one ?? "");

/** Punctuation that older encodings have beyond ASCII. */
function signOf(one: string): number {
  if (/[„“”‘’–—…€«»№§°\u00a0]/.test(one)) return 0.7;
  return /[¿¡£©®·ºª]/.test(one) ? 0.5 : 0.15;
}

/** A letter with a mark stands alone or with one more among plain ones. */
/** Letters of Central Europe, of which several may stand together. */
function central(text: readonly string[], at: number): number {
  const [before, one = "", after] = [text[at - 1], text[at], text[at + 1]];
  if (!isLetter(before) && !isLetter(after)) return Math.min(0.5, western(text, at));
  if (isLower(one) && isUpper(after)) return 0;
  const { length, isAlone } = wordAt(text, at);
  const isIts = centralLetters.has(one.toLowerCase()) && length <= CENTRAL_MAX && !isAlone;
  return isIts && !(isUpper(one) && isLower(before)) ? 1 : western(text, at);
}

function western(text: readonly string[], at: number): number {
  const [before, one = "", after] = [text[at - 1], text[at], text[at + 1]];
  if (!inWestern.test(one)) {
    return isLetter(before) && isLetter(after) && one !== "’" ? 0 : signOf(one);
  }
  if (isUpper(one) && isLower(before)) return 0.05;
  const marked = wordAt(text, at).length;
  if (marked >= 3) return 0.1;
  if (!isAsciiLetter(before) && !isAsciiLetter(after)) {
    if (marked === 1) return westernWords.has(one) ? 0.95 : 0.3;
    return 0.2;
  }
  const known = accents.has(one.toLowerCase()) ? 1 : 0.7;
  return marked === 2 ? known * 0.85 : known;
}

/** Letters beyond ASCII that stand together around a place, and whether no others are beside them. */
function wordAt(
  text: readonly string[],
  at: number,
): { readonly word: readonly string[]; readonly length: number; readonly isAlone: boolean } {
  const isMarked = (one: string | undefined): boolean => isLetter(one) && !isAsciiLetter(one);
  let [from, to] = [at, at];
  while (at - from < WORD_MAX && isMarked(text[from - 1])) from -= 1;
  while (to - at < WORD_MAX && isMarked(text[to + 1])) to += 1;
  const isAlone = !isAsciiLetter(text[from - 1]) && !isAsciiLetter(text[to + 1]);
  const word = text.slice(from, to + 1);
  return { word, length: word.length, isAlone };
}

/** Letters of a script of its own: no plain ones in a word, capitals at its beginning or all through. */
function cased(
  letters: ReadonlyMap<string, number>,
  words: ReadonlySet<string>,
  vowels: RegExp,
): Weight {
  return (text, at) => {
    const [before, one = "", after] = [text[at - 1], text[at], text[at + 1]];
    const weight = letters.get(one.toLowerCase());
    if (weight === undefined) return isLetter(before) || isLetter(after) ? 0 : signOf(one);
    if (isAsciiLetter(before) || isAsciiLetter(after)) return 0;
    if (!isLetter(before) && !isLetter(after)) return words.has(one.toLowerCase()) ? 0.9 : 0.2;
    if (one === "ς" && isLetter(after)) return 0;
    const { word } = wordAt(text, at);
    const sounded = word.filter((letter) => vowels.test(letter)).length;
    if (word.length >= VOWEL_LETTERS && word.length > sounded * VOWEL_EVERY) return 0.1;
    if (isUpper(one) && isLower(before)) return 0;
    if (isLower(one) && isUpper(before) && isUpper(text[at - 2])) return 0;
    return isUpper(one) && (isUpper(before) || isUpper(after)) ? weight * 0.9 : weight;
  };
}

const greekCased = cased(greek, new Set("οηόή"), greekVowels);

function greeks(text: readonly string[], at: number): number {
  return greekCased(text, at) * GREEK;
}

/** Characters of two bytes, each by itself. */
function wide(of: (one: string) => number): Weight {
  return (text, at) => {
    const one = text[at] ?? "";
    return spaceless.test(one) ? 0.9 : of(one);
  };
}

function japanese(one: string): number {
  if (/[\u3041-\u309f]/.test(one)) return 1;
  if (/[\u30a1-\u30ff]/.test(one)) return 0.95;
  if (kanji.has(one)) return 0.95;
  return /[\u4e00-\u9fff]/.test(one) ? 0.45 : 0.1;
}

/** Chinese characters stand in no Korean word. */
function korean(one: string): number {
  if (hangul.has(one)) return 1;
  return /[\uac00-\ud7a3]/.test(one) ? 0.7 : -0.5;
}

function chinese(one: string, common: ReadonlySet<string>, encoding: "gb18030" | "big5"): number {
  if (common.has(one)) return 1;
  if (frequent(encoding).has(one)) return 0.6;
  return /[\u4e00-\u9fff]/.test(one) ? 0.3 : 0.1;
}

/** First bytes of the characters that these encodings put first because they are used most. */
const firstBytes = { gb18030: [0xb0, 0xd7], big5: [0xa4, 0xc6] } as const;
const known = new Map<string, ReadonlySet<string>>();

function frequent(encoding: "gb18030" | "big5"): ReadonlySet<string> {
  let set = known.get(encoding);
  if (set === undefined) {
    const [first, last] = firstBytes[encoding];
    const pairs: number[] = [];
    for (let lead = first; lead <= last; lead += 1) {
      for (let next = encoding === "big5" ? 0x40 : 0xa1; next <= 0xfe; next += 1) {
        if (next < 0x7f || next >= 0xa1) pairs.push(lead, next);
      }
    }
    set = new Set(new TextDecoder(encoding).decode(Uint8Array.from(pairs)));
    known.set(encoding, set);
  }
  return set;
}
