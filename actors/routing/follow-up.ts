// Short messages that go on with the turn before ("and for last month?", "why that?", "und im März?").
// Being short is not enough: "capital of France?" is short too, and a matter of its own.

import { lazy } from "../../runtime/shared/lazy.ts";
import type { Word } from "../text/words.ts";
import { buildKeywords } from "./keyword.ts";

/** A message of more content words is read alone. */
const CONTENT_WORDS_MAX = 3;
/** So few words are no sentence: "March?" after a question says only what has changed in it. */
const BARE_WORDS = 2;

/** Ways to begin a message that goes on. */
const OPENINGS =
  "and|but|or|also|so|then|what about|how about|what if|why|why not|same for|instead|else|what else|anything else|and then|ok and|okay and|" +
  "und|aber|oder|auch|dann|was ist mit|wie sieht es mit|warum|wieso|stattdessen|sonst|noch|" +
  "et|mais|ou|aussi|alors|et pour|qu'en est-il|pourquoi|sinon|" +
  "y|pero|también|entonces|qué tal|y para|por qué|" +
  "e|mas|ou|também|então|e para|por que|ma|anche|allora|e per|perché|" +
  "en|maar|ook|dan|waarom|en voor|ale|też|dlaczego|och|men|eller|också|varför|" +
  "и|а|но|или|тоже|также|тогда|почему|а если|а как|і|але|чому|ve|ama|peki|ya|neden|" +
  "و|لكن|أو|أيضا|وماذا عن|ماذا عن|لماذا|ואם|ומה עם|अगर|और|लेकिन|क्यों|" +
  "那|那么|还有|还|另外|但是|或者|为什么|而且|至于|では|じゃあ|それで|でも|なぜ|あと|それなら|그럼|그리고|하지만|왜|또";

/** Words that point at what was said. */
const POINTING =
  "it|that|this|those|these|they|them|ones|same|its|" +
  "das|dies|diese|diesen|dieser|dieses|dasselbe|davon|damit|dafür|daran|dort|" +
  "ça|cela|ceci|celui|celle|ceux|même|eso|esto|ese|mismo|isso|isto|esse|mesmo|questo|quello|stesso|" +
  "dat|dit|deze|hetzelfde|tego|tym|это|этот|эта|эти|этого|оно|его|её|там|bu|şu|onu|" +
  "هذا|هذه|ذلك|نفس|यह|वह|这|那个|这个|它|这些|那些|これ|それ|あれ|その|この|이것|그것|그거|이거";

const entriesOf = (list: string) => list.split("|").map((keyword) => ({ owner: 0, keyword }));
const openings = lazy(() => buildKeywords(entriesOf(OPENINGS), { isExactOnly: true }));
const pointing = lazy(() => buildKeywords(entriesOf(POINTING), { isExactOnly: true }));

/** @param contentWords words of it that could name a subject; a character of a dense script is half a one. */
export function isFollowUp(words: readonly Word[], contentWords: number): boolean {
  if (contentWords > CONTENT_WORDS_MAX) return false;
  if (contentWords === 0) return true;
  const dense = words.filter((word) => word.dense).length;
  if (words.length - dense / 2 <= BARE_WORDS && contentWords <= 1) return true;
  return (
    openings()
      .find(words)
      .some(({ start }) => start === 0) || pointing().find(words).length > 0
  );
}
