// Words that ask, join or place and say nothing of what is asked for. A text is indexed with them; of a
// question they are left out, because a collection that happens not to have "welchem" would seem not to
// know the answer. Normalised as words.ts does it; longer than the list of stop words, which the
// router's features rest on too.

const LISTS = [
  // English
  "according across after again against along already although among another around away because before behind below beside besides between beyond both during either else even ever every everyone few first former give given how however if instead less many much might must near neither never none nor often once other others otherwise out over per rather same second several since still through together toward towards under until up upon used using usually via was well were while whether within without would yet",
  "called named kind type many much describe explain tell show say says said according",
  // German
  "alle allem allen aller alles ander andere anderem anderen anderer anderes ans ausser bald beide beiden beim bereits besonders bis bisher dabei dadurch dafur dagegen daher damals damit danach daran darauf daraus darin darum davon davor dazu denen denn dennoch deren deshalb dessen dich diese diesem diesen dieser dieses dir doch dort durch durfen durfte eben ebenso einige einigen einiger einmal etwa etwas euch euer fast ganz gegen gegenuber genannt gab gerade gewesen gewisse gilt habt handelt hatten hatte heisst hiess hier hin hinter hinzu ihm ihn ihnen ihrem ihren ihrer immer indem innerhalb insgesamt irgend jede jedem jeden jeder jedes jedoch jemand jene jener jetzt kam kamen keinem keinen keiner konnten konnte lassen laut lautet liess macht machen machte mehr mehrere mehreren meist mogen musste mussten neben nennt nichts nie niemand ob obwohl oder ohne oft sehr seine seinem seinen seiner seit seitdem selbst sich sobald solche solchem solchen solcher sollen sollte sollten sondern sonst soweit sowie sowohl statt tat trotz tun unter ubrigen viel viele vielem vielen vieler vom vor wahrend wann waren warst weder weil weiter weitere weiteren welch welchem welchen welches wem wen wenig wenige weniger wessen wegen wieder wieviel wieviele wobei wodurch wofur wogegen woher wohin wohl wollen womit woran worauf woraus worden worin woruber worum wovon wovor wozu wurden wurde wurdest zufolge zwar zwischen zuerst zuletzt",
  // French
  "afin ainsi alors apres aucun aucune aupres auquel aura aurait autre autres auxquels avaient avait avant avez avions avons ayant beaucoup bien car cela celle celles celui cependant ceux chaque chez combien contre depuis dernier derniere derriere des desquels deux devant doit doivent donc dont duquel durant elle encore entre environ est eu eux furent fut ici ils jamais jusqu laquelle lequel lesquelles lesquels leur leurs lors lorsque lui meme memes moins mais ni nombre nomme ont parce parmi pendant peu plusieurs pourquoi premier premiere presque puis puisque quand quant quels quelles quelque quelques quoi sera serait seront seulement selon soi soit sont sous souvent suivant tant tel telle tels toujours tous tout toute toutes tres trop vers voici voila combien quelle",
  // Spanish
  "adonde ademas ahi ahora algo alguien algun alguna algunas alguno algunos alli ambos ante antes apenas aquel aquella aquellas aquello aquellos aqui aquella asi aun aunque bajo bastante bien cada casi cerca cierto ciertos como conforme contra cuales cualquier cualquiera cuando cuanta cuantas cuanto cuantos cuya cuyas cuyo cuyos debe deben debido dejo demas dentro desde despues detras dicho donde dos durante ella ellas ello ellos embargo encima entre eran eres esa esas ese eso esos estaba estaban estado estas estos estuvo fue fueron fuera habia habian hacia hasta hizo hubo incluso junto jamas llama llamaba llamada llamado llamo lugar luego mediante menos mientras misma mismas mismo mismos mucha muchas mucho muchos nada nadie ni ningun ninguna ninguno nombre nunca otra otras otro otros parte pocas poco pocos podia podria porque primer primera primero propio pues quienes quizas sea sean segun ser sera seran serian si sido siempre siendo sino sobre solo tal tales tampoco tan tanta tanto tenia tener tiene tienen toda todas todavia todo todos tras tuvo ultima ultimo unas unico unos varias varios veces vez ya tipo cual",
  // Portuguese
  "ainda algum alguma algumas alguns antes apenas apos aquela aquelas aquele aqueles aquilo ate cada chamada chamado como contra cujo cuja dela delas dele deles depois desde dessa desse desta deste disso disto durante ela elas ele eles enquanto entao entre era eram essa essas esse esses estas estava estavam estes foi foram havia houve ja mais mas menos mesma mesmo muita muitas muito muitos nada nem nenhum nenhuma nessa nesse nesta neste nunca onde outra outras outro outros para pela pelas pelo pelos porque pouco pois qualquer quando quanta quantas quanto quantos quais quase sem sempre sendo ser sera seu so sob sobre tambem tanto tem tinha toda todas todo todos tal varios vez",
  // Italian
  "adesso agli alla alle allo allora alcun alcuna alcune alcuni altra altre altri altro ancora anche appena assai avere aveva avevano bene chiamato ciascuno cioe col come contro cui dagli dai dall dalle dello degli dentro dopo dove dovuto durante ecco entro era erano essere ex fa fino fra fu furono gia giu infatti infine inoltre invece la le lo loro meno mentre molta molte molti molto negli nei nell nelle nello nessun nessuna nessuno niente nulla ogni oppure ora percio pero poco poi presso prima proprio qua qual quale quali qualche quando quanta quante quanti quanto quasi quella quelle quelli quello questa queste questi questo qui quindi sara sarebbe se secondo sempre senza si sia siano solo sopra sotto stata state stati stato stessa stesso su sua sue sui sul sulla sulle suo suoi tal tale tali tanto tra tutta tutte tutti tutto un una verso viene vengono",
  // Dutch
  "aan alle alles als andere beide daar daarna dan deze die dit door dus elk elke er hen hier hij hoeveel hun iemand iets in is ja kon konden maar meer men mijn na naar niets nog nu omdat onder ooit over reeds samen sinds slechts sommige steeds te tegen tijdens toch toen tot tussen uw veel waarbij waardoor waarop wanneer was waren we weer welk werd werden wie wordt worden zei zelf zich zij zo zonder zou zouden",
  // Russian and Ukrainian, without the breve and the diaeresis
  "без более больше был была были было быть ведь весь вас вам вместо вокруг вот все всего всегда всех всю где даже два для должен должна должны другая другие других другои его ее еи ему если есть еще за зачем здесь именно или им иметь имеет их каждая каждыи каким какими каких какая какие какого какое какои какую кем ком кого кому которая которого которое которои которую которые которыи которых кроме куда лишь между менее многие много может могут можно мог насколько находится нас не него нее неи несколько нет нибудь никогда ним ними них ничего но ну однако одна один одни около она они оно откуда очень перед под поскольку после потом потому почти при про раз разве сам сама сами само самыи своего своеи свои своих свою себе себя сеичас сколько скольких слишком снова собои столько та такая также такие таким таких такое такои там те тем теперь тех тогда того тои только тому тот туда тут уж уже хотя чаще часто чего чеи чем чему через чтобы чьи чья эта эти этим этих это этого этои этом этому этот эту является являются называется называют",
  "від він вона вони воно все всі де до його йому їх їі їм їи коли котрии котра під після при скільки також там тому тут хто чи чим чого що щоб як яка яке якии яким які якого якои якому якою яку є були було була бути",
  // Polish
  "albo bardzo bez bo byla byly bylo bedzie ci co czego czemu czy czyli dla dlatego go gdy ich ile ilu im inne innych iz ja je jednak jego jej jemu jestem juz kazda kazdy kiedy kim kogo komu ktora ktore ktorego ktorej ktorych ktorym lecz mnie mozna na nad nam nas nawet nic nich nim niz np obok on ona one oni oto pod podczas poniewaz przed przez przy sa skad sobie swoj ta tak taka taki takie tam te tego tej ten tez to tu tylko tym u wiec wlasnie wszystko wszystkie zawsze ze",
  // Turkish
  "acaba ancak artik aslinda aynı ayni bazi beri bircok biri birkac cok cunku daha dahi defa degil diger diye edilen eden gibi gore hangi hangisi hem henuz hep hepsi her hic hicbir icin ise iste kac kadar karsi kendi kez kim kimin kimse kime madem mi nedir nerede nereye nicin olan olarak oldu oldugu olduklarini olmak olmasi olsa olup onun onlar oysa pek sadece sanki sekilde sonra sey su tarafindan tum uzere yani yerine yine yoksa zaten",
  // Arabic
  "ما ماذا متى كيف أين اين من هل كم أي اي لماذا في على عن إلى الى أن ان إن هو هي هذا هذه ذلك تلك التي الذي الذين كل لمن قبل بعد عند عندما حتى لا لم لن قد كان كانت يمكن مع بين أو او ثم",
];

const ASKING = new Set(LISTS.flatMap((list) => list.split(" ")));

/** Of scripts without spaces, longest first: only a question has them as a rule. */
const PHRASES =
  // Chinese
  "为什么|是什么|什么样|什么时候|怎么样|怎么办|多长时间|是不是|有没有|请问|什么|怎么|怎样|如何|多少|多久|多长|哪里|哪儿|哪个|哪些|哪一|几个|几次|" +
  "為什麼|是什麼|什麼時候|怎麼樣|怎麼|什麼|請問|哪裡|哪個|" +
  // Japanese
  "でしょうか|すればよいですか|すればいい|ことができますか|ことができる|のですか|ですか|ますか|ました|ません|なければ|どのくらい|どれくらい|どうやって|どうして|どのように|どんな|どれだけ|どこ|どれ|どの|どう|いつ|なぜ|いくつ|いくら|ください|とは何|何ですか|するには|している|された|される|します|しました|です|ます|" +
  // Korean
  "무엇입니까|무엇인가요|무엇인가|무엇을|무엇이|무엇|어떻게|언제부터|언제까지|언제|어디에서|어디에|어디|누구에게|누가|누구|얼마나|얼마|왜|어느|어떤|몇|합니까|습니까|입니까|인가요|하나요|나요|까요|어요|아요|해요|한가요|하려면|려면|" +
  // Thai
  "เมื่อไร|เมื่อไหร่|เท่าไร|เท่าไหร่|อย่างไร|ที่ไหน|ทำไม|อะไร|ใคร|กี่|ไหม|หรือไม่|ไหน|ใด";
const PHRASE = new RegExp(PHRASES, "gu");

/** Whether a normalised word of a question says nothing of what is asked for. */
export const isAsking = (word: string): boolean => ASKING.has(word);

/** A question without the phrases that ask in scripts without spaces. */
export const withoutPhrases = (question: string): string =>
  question.normalize("NFC").replace(PHRASE, " ");
