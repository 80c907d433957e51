// What `/link` and `/unlink` are answered with, in the languages that sessions know.

/** The sentences. */
interface LinkWords {
  code(code: string, minutes: number): string;
  readonly linked: string;
  readonly unlinked: string;
  readonly notLinked: string;
  readonly byOperator: string;
  readonly onlyDirect: string;
  readonly notVerified: string;
  readonly wrong: string;
  readonly tooOften: string;
  readonly tooMany: string;
  readonly ownChannel: string;
  readonly twoPeople: string;
}

const en: LinkWords = {
  code: (code, minutes) =>
    `Say \`/link ${code}\` to me on your other channel within ${minutes} minutes. Give it to nobody, and never say a code that somebody gave you: whoever shares it is one person with you.`,
  linked: "You are one person on both channels now. /unlink undoes it.",
  unlinked: "You are on your own here again.",
  notLinked: "You are linked with no other channel.",
  byOperator: "Your operator has linked you: only they undo it.",
  onlyDirect:
    "Say this to me alone, not before others. A code that was said here is not good any more.",
  notVerified: "Your platform does not vouch for who you are here: you cannot be linked.",
  wrong: "This code is wrong, was used, or is over. /link gives another.",
  tooOften: "Too many wrong codes. Try it again in a quarter of an hour.",
  tooMany: "Too many people are linking at the moment. Try it again soon.",
  ownChannel: "This is the channel that the code is of: say it on your other one.",
  twoPeople: "You are known as two people already: /unlink on one of the channels first.",
};

const de: LinkWords = {
  code: (code, minutes) =>
    `Sagen Sie mir innerhalb von ${minutes} Minuten auf Ihrem anderen Kanal \`/link ${code}\`. Geben Sie ihn niemandem, und sagen Sie nie einen Code, den Ihnen jemand gegeben hat: wer ihn teilt, ist mit Ihnen eine Person.`,
  linked: "Sie sind jetzt auf beiden Kanälen eine Person. /unlink macht es rückgängig.",
  unlinked: "Sie sind hier wieder für sich.",
  notLinked: "Sie sind mit keinem anderen Kanal verbunden.",
  byOperator: "Ihr Betreiber hat Sie verbunden: nur er macht es rückgängig.",
  onlyDirect:
    "Sagen Sie mir das allein, nicht vor anderen. Ein Code, der hier gesagt wurde, gilt nicht mehr.",
  notVerified:
    "Ihre Plattform bürgt hier nicht dafür, wer Sie sind: Sie können nicht verbunden werden.",
  wrong: "Dieser Code ist falsch, verbraucht oder abgelaufen. /link gibt einen anderen.",
  tooOften: "Zu viele falsche Codes. Versuchen Sie es in einer Viertelstunde wieder.",
  tooMany: "Gerade verbinden sich zu viele. Versuchen Sie es bald wieder.",
  ownChannel: "Von diesem Kanal ist der Code: sagen Sie ihn auf Ihrem anderen.",
  twoPeople: "Sie sind schon als zwei Personen bekannt: erst /unlink auf einem der Kanäle.",
};

/** Those of a language; English where it is not known. */
export function linkWords(language: string | null | undefined): LinkWords {
  return language?.startsWith("de") ? de : en;
}
