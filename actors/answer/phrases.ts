// The few fixed sentences of the built-in answerer and the words it knows a language and small talk
// by. Everything else it says is quoted from the agent's own texts.

/** Languages the fixed sentences exist in. */
export type Language = "en" | "de" | "es" | "fr" | "it" | "pt" | "pl" | "nl" | "ru" | "zh" | "ja";

/** The fixed sentences of one language. `{agent}` and `{offers}` are filled in. */
export interface Phrases {
  readonly greeting: string;
  readonly thanks: string;
  readonly bye: string;
  /** Follows a greeting or an apology when there is something to offer. */
  readonly offer: string;
  /** A collection was searched and holds nothing about it. */
  readonly nothing: string;
  /** The agent has no collection and its own texts do not say. */
  readonly unknown: string;
}

const phrasesByLanguage: Readonly<Record<Language, Phrases>> = {
  en: {
    greeting: "Hello! I am {agent}.",
    thanks: "You are welcome.",
    bye: "Goodbye!",
    offer: "I can help with: {offers}.",
    nothing: "I found nothing about that in the documents I can search.",
    unknown: "I have no text that answers that.",
  },
  de: {
    greeting: "Hallo! Ich bin {agent}.",
    thanks: "Gern geschehen.",
    bye: "Auf Wiedersehen!",
    offer: "Ich kann helfen bei: {offers}.",
    nothing: "Dazu habe ich in den Dokumenten, die ich durchsuchen kann, nichts gefunden.",
    unknown: "Ich habe keinen Text, der das beantwortet.",
  },
  es: {
    greeting: "¡Hola! Soy {agent}.",
    thanks: "De nada.",
    bye: "¡Hasta luego!",
    offer: "Puedo ayudar con: {offers}.",
    nothing: "No he encontrado nada sobre eso en los documentos que puedo consultar.",
    unknown: "No tengo ningún texto que responda a eso.",
  },
  fr: {
    greeting: "Bonjour ! Je suis {agent}.",
    thanks: "Je vous en prie.",
    bye: "Au revoir !",
    offer: "Je peux aider pour : {offers}.",
    nothing: "Je n'ai rien trouvé à ce sujet dans les documents que je peux consulter.",
    unknown: "Je n'ai aucun texte qui réponde à cela.",
  },
  it: {
    greeting: "Ciao! Sono {agent}.",
    thanks: "Prego.",
    bye: "Arrivederci!",
    offer: "Posso aiutare con: {offers}.",
    nothing: "Non ho trovato nulla al riguardo nei documenti che posso consultare.",
    unknown: "Non ho alcun testo che risponda a questo.",
  },
  pt: {
    greeting: "Olá! Eu sou {agent}.",
    thanks: "De nada.",
    bye: "Até logo!",
    offer: "Posso ajudar com: {offers}.",
    nothing: "Não encontrei nada sobre isso nos documentos que posso consultar.",
    unknown: "Não tenho nenhum texto que responda a isso.",
  },
  pl: {
    greeting: "Dzień dobry! Jestem {agent}.",
    thanks: "Proszę bardzo.",
    bye: "Do widzenia!",
    offer: "Mogę pomóc w: {offers}.",
    nothing: "Nie znalazłem nic na ten temat w dokumentach, które mogę przeszukać.",
    unknown: "Nie mam tekstu, który na to odpowiada.",
  },
  nl: {
    greeting: "Hallo! Ik ben {agent}.",
    thanks: "Graag gedaan.",
    bye: "Tot ziens!",
    offer: "Ik kan helpen met: {offers}.",
    nothing: "Ik heb daarover niets gevonden in de documenten die ik kan doorzoeken.",
    unknown: "Ik heb geen tekst die dat beantwoordt.",
  },
  ru: {
    greeting: "Здравствуйте! Я {agent}.",
    thanks: "Пожалуйста.",
    bye: "До свидания!",
    offer: "Я могу помочь с: {offers}.",
    nothing: "В доступных мне документах об этом ничего не нашлось.",
    unknown: "У меня нет текста, который отвечает на это.",
  },
  zh: {
    greeting: "您好！我是{agent}。",
    thanks: "不客气。",
    bye: "再见！",
    offer: "我可以帮助您：{offers}。",
    nothing: "在我可以检索的文档中没有找到相关内容。",
    unknown: "我没有可以回答这个问题的文本。",
  },
  ja: {
    greeting: "こんにちは。{agent}です。",
    thanks: "どういたしまして。",
    bye: "さようなら。",
    offer: "お手伝いできること：{offers}。",
    nothing: "検索できる文書の中に、それに関する内容は見つかりませんでした。",
    unknown: "それに答えられる文章がありません。",
  },
};

/** The fixed sentences of a language. */
export function phrasesOf(language: Language): Phrases {
  return phrasesByLanguage[language];
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

// Frequent small words: they tell languages apart and carry no content.
const stopWords: readonly (readonly [Language, ReadonlySet<string>])[] = [
  [
    "en",
    words(
      "the a an and or of to in on for with is are was be do does did can could how what where when who which why i you we my your it its this that me our not no from as at by have has had will would should if there get about please use used using",
    ),
  ],
  [
    "de",
    words(
      "der die das und oder ein eine einen ist sind war wie was wo wann wer warum ich du wir sie es mein meine meinen ihr nicht kein mit von zu zum zur im in auf für bei den dem des kann können bitte mir mich habe hat haben welche welcher",
    ),
  ],
  [
    "es",
    words(
      "el la los las un una y o de del que en es son como cómo qué dónde cuándo quién por para con mi mis su tu yo no puedo se lo al me está hay cuál favor",
    ),
  ],
  [
    "fr",
    words(
      "le la les un une et ou de du des que est sont comment où quand qui pourquoi je vous nous mon ma mes votre ne pas pour avec dans sur il elle ce cette peux puis ai a au aux quel quelle",
    ),
  ],
  [
    "it",
    words(
      "il lo la i gli le un una e o di del della che è sono come cosa dove quando chi perché io mio mia miei non per con in su si posso ho ha al quale questo mi",
    ),
  ],
  [
    "pt",
    words(
      "o a os as um uma e ou de do da dos que é são como onde quando quem por para com meu minha meus não posso em no na se eu você qual isto isso está faço",
    ),
  ],
  [
    "pl",
    words(
      "i w na z do o się jest są jak co gdzie kiedy kto dlaczego mogę mój moja moje nie dla że to po czy za od który mam proszę",
    ),
  ],
  [
    "nl",
    words(
      "de het een en of van is zijn was hoe wat waar wanneer wie waarom ik jij je u wij mijn niet geen met voor op in naar kan kunt heb heeft dit dat welke",
    ),
  ],
  [
    "ru",
    words("и в на с по для не что как где когда кто почему я вы мы мой моя мои это ли мне у за от"),
  ],
];

/** Words that carry no content in any of the languages. */
export const contentless: ReadonlySet<string> = new Set(stopWords.flatMap(([, set]) => [...set]));

/**
 * The language of a text, by its script and its small words; `fallback` where that does not tell.
 */
export function languageOf(text: string, fallback: Language = "en"): Language {
  if (/[\u3040-\u30ff]/.test(text)) return "ja";
  if (/[\u3400-\u9fff]/.test(text)) return "zh";
  if (/[\u0400-\u04ff]/.test(text)) return "ru";
  const all = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  let best: { language: Language; hits: number } = { language: fallback, hits: 0 };
  for (const [language, set] of stopWords) {
    const hits = all.filter((word) => set.has(word)).length;
    if (hits > best.hits) best = { language, hits };
  }
  if (best.hits > 0) return best.language;
  const talk = smallTalk.find(([, , set]) => all.some((word) => set.has(word)));
  return talk?.[1] ?? fallback;
}

type Talk = "greeting" | "thanks" | "bye";

const smallTalk: readonly (readonly [Talk, Language, ReadonlySet<string>])[] = [
  ["greeting", "en", words("hi hello hey morning afternoon evening greetings howdy")],
  ["greeting", "de", words("hallo guten moin servus grüß tag morgen abend")],
  ["greeting", "es", words("hola buenos buenas días tardes")],
  ["greeting", "fr", words("bonjour salut bonsoir coucou")],
  ["greeting", "it", words("ciao buongiorno buonasera salve")],
  ["greeting", "pt", words("olá oi bom boa dia tarde")],
  ["greeting", "pl", words("cześć hej dzień dobry witam")],
  ["greeting", "nl", words("hoi goedemorgen goedemiddag goedenavond dag")],
  ["greeting", "ru", words("привет здравствуйте здравствуй добрый день")],
  ["thanks", "en", words("thanks thank thx cheers")],
  ["thanks", "de", words("danke dankeschön vielen dank")],
  ["thanks", "es", words("gracias muchas")],
  ["thanks", "fr", words("merci beaucoup")],
  ["thanks", "it", words("grazie mille")],
  ["thanks", "pt", words("obrigado obrigada")],
  ["thanks", "pl", words("dzięki dziękuję")],
  ["thanks", "nl", words("bedankt dank")],
  ["thanks", "ru", words("спасибо")],
  ["bye", "en", words("bye goodbye see later")],
  ["bye", "de", words("tschüss wiedersehen")],
  ["bye", "es", words("adiós luego")],
  ["bye", "fr", words("revoir adieu")],
  ["bye", "it", words("arrivederci")],
  ["bye", "pt", words("tchau adeus")],
  ["bye", "pl", words("widzenia")],
  ["bye", "nl", words("ziens doei")],
  ["bye", "ru", words("свидания пока")],
];

const wideTalk: readonly (readonly [Talk, RegExp])[] = [
  ["greeting", /^(你好|您好|嗨|早上好|こんにちは|こんばんは|おはよう)/],
  ["thanks", /^(谢谢|多谢|ありがとう)/],
  ["bye", /^(再见|さようなら)/],
];

// Words that may stand in small talk without making it a question.
const fillers = words(
  "there you all so much very good how are is it going team everyone schön sehr",
);

// Questions about the answerer itself are answered like a greeting: who it is, what it can do.
const aboutItself =
  /^(?:(?:hi|hello|hey)\s+)?(?:help|help me|i need help|(?:can|could) you help me|who are you|what are you|what can you do|what do you do|how can you help(?: me)?|wer bist du|was kannst du|qui es tu|qui êtes vous|quién eres|chi sei|quem é você|kim jesteś|wie ben je|кто ты)$/u;

/** What kind of small talk a message is, or undefined when it asks for something. */
export function smallTalkOf(text: string): Talk | undefined {
  const bare =
    text
      .toLowerCase()
      .slice(0, 100)
      .match(/\p{L}+/gu)
      ?.join(" ") ?? "";
  if (aboutItself.test(bare)) return "greeting";
  const wide = wideTalk.find(([, pattern]) => pattern.test(text.trim()));
  if (wide && text.trim().length <= 12) return wide[0];
  const all = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  const wordsMax = 6;
  if (all.length === 0 || all.length > wordsMax) return undefined;
  const hit = smallTalk.find(([, , set]) => all.some((word) => set.has(word)));
  if (!hit) return undefined;
  const isAlone = all.every(
    (word) =>
      fillers.has(word) || contentless.has(word) || smallTalk.some(([, , set]) => set.has(word)),
  );
  return isAlone ? hit[0] : undefined;
}
