// Greetings, thanks, farewells and questions about the assistant itself, in many languages: what a
// supervisor answers alone. A message is small talk only when nothing else is left of it.

import { lazy } from "../../runtime/shared/lazy.ts";
import type { Word } from "../text/words.ts";
import { buildKeywords, type KeywordEntry } from "./keyword.ts";

/** Kinds of small talk, `reply` being a bare yes, no or ok; also the `intent` of the decision. */
export type SmallTalk =
  | "greeting"
  | "thanks"
  | "farewell"
  | "about_assistant"
  | "small_talk"
  | "reply";

/** Longest message that may be small talk, in words. */
export const smallTalkWordsMax = 14;

const KINDS: readonly SmallTalk[] = [
  "greeting",
  "thanks",
  "farewell",
  "about_assistant",
  "small_talk",
  "reply",
];

const PHRASES: readonly (readonly string[])[] = [
  [
    "hi|hello|hey|hiya|howdy|yo|greetings|good morning|good afternoon|good evening|good day|morning|hello there|hi there|welcome|sup|what's up|whats up",
    "hallo|guten tag|guten morgen|guten abend|moin|servus|grüß gott|grüezi|bonjour|bonsoir|salut|coucou|hola|buenos días|buenas tardes|buenas noches|buenas|qué tal|qué pasa",
    "olá|oi|bom dia|boa tarde|boa noite|ciao|salve|buongiorno|buonasera|hoi|goedemorgen|goedemiddag|goedenavond|goedendag|hej|hejsan|god morgon|hei|god dag|moi|terve|cześć|dzień dobry|dobry wieczór|ahoj|dobrý den|szia|jó napot",
    "привет|здравствуйте|здравствуй|добрый день|доброе утро|добрый вечер|привіт|добрий день|здравей|γεια|γεια σου|καλημέρα|merhaba|selam|günaydın|iyi günler|مرحبا|السلام عليكم|اهلا|أهلا|שלום|नमस्ते|नमस्कार|สวัสดี|xin chào|chào bạn|halo|selamat pagi|habari",
    "你好|您好|嗨|哈喽|早上好|下午好|晚上好|大家好|こんにちは|こんばんは|おはよう|おはようございます|はじめまして|안녕|안녕하세요|안녕하십니까|bună|bună ziua|zdravo|dobar dan|salam|سلام",
  ],
  [
    "thanks|thank you|thanks a lot|many thanks|thx|ty|cheers|much appreciated|appreciate it|thank you so much|thanks for your help|thank you for your help|thanks for the help|danke|danke schön|vielen dank|besten dank|dankeschön|merci|merci beaucoup|gracias|muchas gracias|mil gracias",
    "obrigado|obrigada|muito obrigado|muito obrigada|grazie|grazie mille|bedankt|dank je|dank je wel|dank u|dank u wel|tack|tack så mycket|takk|tak|kiitos|dzięki|dziękuję|dziękuję bardzo|děkuji|díky|köszönöm|спасибо|большое спасибо|благодарю|дякую|благодаря|ευχαριστώ",
    "teşekkürler|teşekkür ederim|sağol|شكرا|شكرا لك|شكرا جزيلا|תודה|תודה רבה|धन्यवाद|शुक्रिया|ขอบคุณ|cảm ơn|terima kasih|asante|谢谢|谢谢你|多谢|感谢|謝謝|ありがとう|ありがとうございます|どうも|감사합니다|고마워|고맙습니다|mulțumesc|hvala|ممنون",
  ],
  [
    "bye|goodbye|bye bye|see you|see you later|good night|take care|have a nice day|have a good day|cya|that's all|that is all|tschüss|auf wiedersehen|bis später|bis bald|gute nacht|schönen tag|au revoir|à bientôt|bonne journée|bonne soirée|bonne nuit|adiós|hasta luego|hasta pronto|chao",
    "tchau|até logo|adeus|arrivederci|a presto|buonanotte|doei|tot ziens|hej då|ha det|do widzenia|pa|na shledanou|viszlát|пока|до свидания|до побачення|αντίο|hoşça kal|güle güle|مع السلامة|להתראות|अलविदा|ลาก่อน|tạm biệt|sampai jumpa|再见|拜拜|晚安|再見|さようなら|またね|おやすみ|안녕히 계세요|잘 가",
  ],
  [
    "help|help me|i need help|i need some help|can you help me|could you help me|please help|i have a question|who are you|what are you|what can you do|what do you do|how can you help|how can you help me|are you a bot|are you human|are you real|are you a robot|are you an ai|what is your name|what's your name|whats your name|what's ur name",
    "hilfe|kannst du mir helfen|können sie mir helfen|ich brauche hilfe|aide|aidez moi|ayuda|necesito ayuda|ajuda|aiuto|помогите|помощь|帮助|助けて|도움말|wer bist du|wer sind sie|was kannst du|was können sie|bist du ein bot|qui es tu|qui êtes vous|que peux tu faire|que pouvez vous faire|quién eres|qué puedes hacer|cómo te llamas|quem é você|o que você faz|chi sei|cosa puoi fare|wie ben je|wat kun je|кто ты|что ты умеешь|kim jesteś|co potrafisz|sen kimsin|你是谁|你能做什么|あなたは誰|何ができますか|너는 누구야|무엇을 할 수 있어",
  ],
  [
    "how are you|how are you doing|how's it going|hows it going|how do you do|nice to meet you|great|cool|awesome|perfect|nice|good|well done|got it|i see|that helped|that helps|no problem|no worries|you're welcome|lol|haha|hehe|wow|sorry|never mind|nevermind|test|testing|ping",
    "wie geht's|wie geht es dir|wie geht es ihnen|alles klar|super|prima|perfekt|verstanden|ça va|comment ça va|comment allez vous|parfait|très bien|cómo estás|cómo está|todo bien|perfecto|muy bien|tudo bem|como vai|come stai|come va|va bene|perfetto|hoe gaat het|prima|jak się masz|как дела|хорошо|отлично|понятно",
    "nasılsın|كيف حالك|आप कैसे हैं|你好吗|没问题|元気ですか|잘 지내|좋아요",
  ],
  [
    "ok|okay|alright|sure|yes|no|yep|nope|yes please|no thanks|sounds good|ja|nein|genau|oui|non|d'accord|sí|vale|sim|não|nee|tak|nie|да|нет|ладно|tamam|evet|hayır|نعم|لا|हाँ|नहीं|好的|好|嗯|对|不|是的|はい|いいえ|了解|네|아니요",
  ],
];

/** Words that may stand beside small talk without making it anything else. */
const FILLERS = new Set(
  (
    "there everyone all team folks guys friend mate sir madam dear again so very much really for your the help you and a lot today to please buddy man bot assistant support oh ah um well everybody was that just i m im am fine im doing good it is " +
    "zusammen an alle liebes liebe und sehr dir ihnen fur die hilfe mir gut euch tout le monde beaucoup a tous pour votre aide toi et vous a todos por la ayuda y tu usted muito pela ajuda a tutti e per l aiuto molto voor je hulp allemaal " +
    "вам за помощь всем большое и очень 吗 呀 啊 了 的 你 们 帮 助 ね よ す が と う ご ざ い ま 요 에 . 정 말 도 와 줘 서"
  ).split(" "),
);

const entries = (): KeywordEntry[] =>
  PHRASES.flatMap((lists, owner) =>
    lists.flatMap((list) => list.split("|").map((keyword) => ({ owner, keyword }))),
  );
// Exact words only: an inflection of a greeting is another word ("welcome" is, "welcomed" is not).
const phrases = lazy(() => buildKeywords(entries(), { isExactOnly: true }));

/** The kind of small talk that a whole message is, or undefined when it asks for something. */
export function smallTalkOf(words: readonly Word[]): SmallTalk | undefined {
  const dense = words.filter((word) => word.dense).length;
  if (words.length === 0 || words.length - dense / 2 > smallTalkWordsMax) return undefined;
  const covered = new Array<boolean>(words.length).fill(false);
  let kind: number | undefined;
  for (const { owner, start, end } of phrases().find(words)) {
    covered.fill(true, start, end);
    // A greeting beside a thank-you is a thank-you: the later kinds say more, "ok" says least.
    if (kind === undefined || kind > 3 || (owner <= 3 && owner > kind)) kind = owner;
  }
  if (kind === undefined) return undefined;
  const isAll = words.every((word, at) => covered[at] === true || FILLERS.has(word.text));
  return isAll ? KINDS[kind] : undefined;
}

/** Where the request starts after a greeting in front: 0 when there is none, words otherwise. */
export function greetingLength(words: readonly Word[]): number {
  const front = phrases()
    .find(words)
    .find(({ start, owner }) => start === 0 && owner <= 1);
  return front === undefined ? 0 : front.end;
}
