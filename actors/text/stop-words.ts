// Words that say little about what a text is about, in the main languages, normalised as words.ts
// does it. A short list on purpose: a content word taken for a stop word loses a match.

const LISTS = [
  // English
  "a an the and or but if then so of in on at by for with from to into onto about as is are was were be been being am",
  "do does did doing done have has had having can could will would shall should may might must not no nor don doesn didn isn aren wasn won t s re ve ll d m",
  "i me my mine we us our ours you your yours he him his she her hers it its they them their this that these those there here",
  "what which who whom whose when where why how than too very just also please some any all each more most such own same only again",
  "get got getting go going gone want wants wanted need needs needed like know let lets make im ive id dont cant whats hows thing things something anything",
  // German
  "der die das den dem des ein eine einen einem einer eines und oder aber wenn dann so von in im am an auf bei fur mit aus zu zum zur nach uber als ist sind war waren bin bist sein",
  "habe hat haben hatte kann konnen konnte wird werden wurde soll sollte muss mussen nicht kein keine ich mich mir mein meine meinen meinem meiner wir uns unser unsere du sie ihr ihre er es man",
  "was welche welcher wer wo warum wie auch bitte noch schon nur mal mochte will brauche gibt",
  // French
  "le la les l un une des du de d et ou mais si donc dans sur au aux par pour avec sans est sont etait etre suis ai as a ont avoir peux peut pouvez pourrais ne pas je j me m mon ma mes nous notre nos",
  "vous votre vos tu te il elle ils elles on ce cet cette ces c qui que qu quoi quel quelle ou pourquoi comment plus tres aussi svp plait veux voudrais besoin faire fait",
  // Spanish, Portuguese, Italian
  "el los las lo un una unos unas y o pero si entonces en al del por para con sin es son era ser estoy esta estan he ha han haber puedo puede pueden no yo mi mis nosotros nuestro usted ustedes su sus tu tus se le les",
  "que cual quien donde porque como mas muy tambien favor quiero quisiera necesito hacer hay",
  "os as um uma uns umas e ou mas se em no na nos nas ao do da dos das por com sem sao eu meu minha meus minhas voce voces seu sua isso isto este esta qual quem onde quero preciso fazer posso pode nao estou",
  "il lo gli i uno ed ma nel nella dei delle dal dalla sono sei siamo ho hai hanno posso puo non io mio mia miei mie noi nostro voi lei lui che cosa chi dove perche piu anche vorrei voglio fare ce",
  // Dutch
  "het een en of maar als dan van op bij voor met uit naar over zijn was ben heb heeft hebben kan kunnen zal wordt moet niet geen ik mij mijn wij ons onze jij jouw u uw wat welke wie waar waarom hoe ook wil graag",
  // Polish, Turkish
  "i oraz lub ale jesli w we na do z ze za od po o jest sa byl byc mam ma moge moze nie ja mi moj moja moje my nasz wy co jaki ktory kto gdzie dlaczego jak tez prosze chce sie to",
  "ve veya ama ile icin bir bu su ben benim biz bizim sen siz ne nasil nerede neden mi mu var yok istiyorum lutfen",
  // Russian, Ukrainian
  "и или но если в во на с со к ко по из за от до о об у для это то как что кто где почему когда не нет да я мы ты вы он она они мне меня мой моя мое мои наш ваш свой хочу могу можно надо нужно есть был быть пожалуиста же ли бы",
  "і та або але якщо з зі що хто де чому коли ні я ми ти ви мені мій моя хочу можу треба є",
  // Dense scripts: particles and pronouns of one character.
  "的 了 吗 是 我 你 在 和 有 不 个 这 那 们 请 の は を に が で と も か て た す ま 은 는 이 가 을 를 에 의 도",
];

const STOP_WORDS = new Set(LISTS.flatMap((list) => list.split(" ")));

/** Whether a normalised word says little. */
export function isStopWord(word: string): boolean {
  return STOP_WORDS.has(word);
}
