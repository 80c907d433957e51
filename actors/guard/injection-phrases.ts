// How texts that want to take a model over speak, in several languages, on text as plainText gives it.

import { OVERRIDE, PROBING } from "./order-phrases.ts";
import { near, type Phrase, words } from "./phrase.ts";

const ROLES: readonly RegExp[] = [
  /<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id|begin_of_text)\|>/gu,
  /\[\/?inst\]|<<\/?sys>>|<\/?(?:system|assistant|system-reminder|system_prompt)>/gu,
  /(?:^|\n)[ \t#*]{0,6}(?:system|assistant|developer)(?: (?:message|prompt|override|notice))?[ \t*]{0,3}:[ \t]*(?:you|ignore|the user|from now|new|do not|override|please|now|always|never)/gu,
  /(?:^|\n)[ \t]{0,3}(?:human|user): [^\n]{0,200}\n{1,2}[ \t]{0,3}assistant:/gu,
];

const PERSONA: readonly RegExp[] = [
  near(
    words(
      "you are now",
      "from now on,? you",
      "you will now",
      "pretend (?:to be|you are)",
      "act as",
    ),
    words(
      "dan",
      "jailbroken",
      "unrestricted",
      "unfiltered",
      "without (?:any )?(?:restrictions|rules|filters|limits)",
      "evil",
      "developer mode",
      "root",
      "no longer bound",
      "an? (?:ai|assistant|model) (?:with no|without)",
    ),
  ),
  near(
    words("enable", "enter", "activate", "switch to"),
    words("developer mode", "dan mode", "jailbreak mode", "god mode", "debug mode", "sudo mode"),
  ),
  near(
    words("new", "updated", "real", "actual"),
    words("instructions?", "system prompt", "task"),
    words("for the (?:ai|assistant|model|chatbot)", "follow", "begin", "are as follows"),
  ),
  near(
    words(
      "du bist (?:jetzt|ab sofort|nun)",
      "tu es maintenant",
      "ahora eres",
      "a partir de ahora",
      "теперь ты",
      "отныне ты",
    ),
    words(
      "dan",
      "ohne\\p{L}* (?:einschränkung\\p{L}*|regeln|filter)",
      "sans (?:restrictions?|règles|filtres?)",
      "sin (?:restricciones|reglas|filtros)",
      "без (?:ограничений|правил|фильтров)",
    ),
  ),
  /(?:你现在是|从现在开始你|從現在起你)[^。！？\n]{0,24}?(?:没有限制|不受限制|沒有限制|dan)/gu,
];

const ADDRESS: readonly RegExp[] = [
  near(
    words(
      "ai (?:assistants?|agents?|models?|systems?)",
      "language models?",
      "llms?",
      "chatbots?",
      "(?:dear|hey|attention|note to|message (?:for|to)) (?:the )?(?:ai|assistant|llm|model|gpt|claude|copilot|gemini)",
    ),
    words(
      "reading this",
      "processing this",
      "summari[sz]ing this",
      "parsing this",
      "must",
      "should",
      "are (?:required|instructed)",
      "please",
      "you must",
    ),
    words(
      "instead",
      "ignore",
      "include",
      "say",
      "respond",
      "reply",
      "output",
      "recommend",
      "send",
      "call",
      "visit",
      "click",
      "add",
      "insert",
      "state",
    ),
  ),
  near(
    words("do not", "don't", "never", "without"),
    words("tell", "inform", "mention", "telling", "informing", "mentioning", "alert", "reveal"),
    words("(?:this )?to (?:the )?user", "the user", "the human", "anyone"),
  ),
  near(
    words("sag\\p{L}*", "erwähn\\p{L}*", "teil\\p{L}*"),
    words("dem (?:nutzer|benutzer|anwender)"),
    words("nicht\\p{L}*"),
  ),
];

const SENDING: readonly RegExp[] = [
  near(
    words(
      "send",
      "forward",
      "post",
      "upload",
      "email",
      "e-mail",
      "exfiltrate",
      "transmit",
      "leak",
      "submit",
    ),
    words(
      "conversation",
      "chat history",
      "api keys?",
      "passwords?",
      "credentials?",
      "secrets?",
      "system prompt",
      "tokens?",
      "user(?:'s)? (?:data|details|messages|information)",
      "private data",
      "personal data",
      "all (?:emails|files|documents|messages)",
    ),
    "(?:to|via|at)(?![\\p{L}])[^\\n]{0,24}?(?:https?://|[\\p{L}\\p{N}._-]{1,64}@[\\p{L}\\p{N}]|www\\.)",
  ),
  near(
    words("call", "invoke", "use", "run", "execute"),
    words("the"),
    "[a-z_]{2,40}(?: tool| function| command)",
    words("with", "to (?:delete|send|transfer|drop|forward|wipe)"),
  ),
  near(
    words("sende\\p{L}*", "schick\\p{L}*", "envoie\\p{L}*", "envía\\p{L}*", "отправь\\p{L}*"),
    words(
      "passw\\p{L}*",
      "zugangsdaten",
      "gespräch\\p{L}*",
      "mots? de passe",
      "conversation",
      "contraseñas?",
      "conversación",
      "парол\\p{L}*",
      "перепис\\p{L}*",
    ),
    "(?:https?://|[\\p{L}\\p{N}._-]{1,64}@[\\p{L}\\p{N}])",
  ),
];

/** Addresses that a page loads at once; what they carry is looked at apart, in one short stretch each. */
const IMAGES: readonly RegExp[] = [
  /!\[[^\]\n]{0,100}\]\(\s{0,4}<?https?:\/\/[^)\s]{1,400}/gu,
  /<img\s[^>\n]{0,100}?src=["']?https?:\/\/[^"'>\s]{1,400}/gu,
];
/** A place for what is known, or a long value drawn at random. */
const CARRIES_DATA = /[?&][^=&\s]{1,40}=(?:[^&\s]{0,80}?(?:[{[<]|%7b)|[a-z0-9+/_%-]{32})/u;

const of = (name: string, weight: number, patterns: readonly RegExp[]): readonly Phrase[] =>
  patterns.map((pattern) => ({ name, weight, pattern }));

/** All that is looked for. */
export const phrases: readonly Phrase[] = [
  ...of("override", 0.7, OVERRIDE),
  ...of("prompt-probing", 0.6, PROBING),
  ...of("role-markers", 0.6, ROLES),
  ...of("persona", 0.5, PERSONA),
  ...of("addressed-to-models", 0.5, ADDRESS),
  ...of("exfiltration", 0.6, SENDING),
  ...of("data-in-urls", 0.6, IMAGES).map((one) => ({ ...one, within: CARRIES_DATA })),
];
