// What middleware says to senders, in the language of the channel.

/** The words of one language. */
export interface MiddlewareWords {
  tooFast(perMinute: number): string;
}

const en: MiddlewareWords = {
  tooFast: (most) =>
    `That is more than ${most} messages in a minute: please wait a moment and send it again.`,
};

const words: Readonly<Record<string, MiddlewareWords>> = {
  en,
  de: {
    tooFast: (most) =>
      `Das sind mehr als ${most} Nachrichten in einer Minute: bitte kurz warten und noch einmal senden.`,
  },
  fr: {
    tooFast: (most) =>
      `Cela fait plus de ${most} messages en une minute : merci d’attendre un instant et de renvoyer.`,
  },
  es: {
    tooFast: (most) =>
      `Son más de ${most} mensajes en un minuto: espera un momento y envíalo de nuevo, por favor.`,
  },
};

/** Those of a language (`de`, `de-AT`); English where there are none. */
export function wordsOf(language: string | undefined): MiddlewareWords {
  const base = (language ?? "en").split("-", 1)[0] ?? "en";
  return words[base] ?? en;
}
