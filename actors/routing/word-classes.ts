// Classes of words that any language has: days, numbers, rooms of a house, members of a family. An
// example with "Tuesday" says something of a message with "Friday", which no spelling shows. Weak
// evidence by its nature, so only the trained classifier reads it, and learns whom it speaks for.

import { lazy } from "../../runtime/shared/lazy.ts";
import type { Word } from "../text/words.ts";
import { buildKeywords } from "./keyword.ts";

// One class a line, its words and phrases parted by "|".
const CLASSES = [
  "monday|tuesday|wednesday|thursday|friday|saturday|sunday|weekend|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|wochenende|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo|понедельник|вторник|среда|четверг|пятница|суббота|воскресенье|周一|周二|周三|周四|周五|周六|周日|星期|月曜日|火曜日|水曜日|木曜日|金曜日|土曜日|日曜日",
  "january|february|march|april|may|june|july|august|september|october|november|december|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|avril|juin|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|январь|февраль|март|апрель|июнь|июль|август|сентябрь|октябрь|ноябрь|декабрь",
  "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|hundred|thousand|million|half|dozen|eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|zwanzig|dreißig|hundert|tausend|deux|trois|quatre|cinq|sept|huit|neuf|dix|vingt|trente|cent|mille|dos|tres|cuatro|cinco|siete|ocho|nueve|diez|veinte|treinta|cien|mil|два|три|четыре|пять|шесть|семь|восемь|девять|десять|сто|тысяча",
  "second|seconds|minute|minutes|hour|hours|sekunde|minute|minuten|stunde|stunden|heure|heures|seconde|segundo|minuto|minutos|hora|horas|минута|час|секунда|分钟|小时|時間|分間",
  "day|days|week|weeks|month|months|year|years|tag|tage|woche|wochen|monat|monate|jahr|jahre|jour|jours|semaine|mois|année|día|días|semana|mes|meses|año|años|день|неделя|месяц|год|天|年|月",
  "morning|afternoon|evening|night|noon|midnight|am|pm|o'clock|tonight|morgen|vormittag|nachmittag|abend|nacht|mittag|mitternacht|uhr|matin|midi|après midi|soir|nuit|minuit|mañana|mediodía|tarde|noche|утро|утром|вечер|вечером|ночь|早上|上午|下午|晚上|中午|朝|午前|午後|夜",
  "today|tomorrow|yesterday|heute|morgen|gestern|übermorgen|aujourd'hui|demain|hier|hoy|ayer|сегодня|завтра|вчера|今天|明天|昨天|今日|明日|昨日",
  "red|blue|green|yellow|orange|purple|pink|black|white|brown|grey|gray|rot|blau|grün|gelb|lila|rosa|schwarz|weiß|braun|grau|rouge|bleu|vert|jaune|violet|noir|blanc|gris|rojo|azul|verde|amarillo|negro|blanco|красный|синий|зелёный|жёлтый|чёрный|белый|红|蓝|绿|黄|黑|白",
  "mother|mom|mum|father|dad|brother|sister|son|daughter|wife|husband|grandmother|grandma|grandfather|grandpa|uncle|aunt|cousin|niece|nephew|parents|boyfriend|girlfriend|mutter|mama|vater|papa|bruder|schwester|sohn|tochter|ehefrau|ehemann|oma|opa|onkel|tante|eltern|mère|maman|père|frère|sœur|fils|fille|mari|femme|parents|madre|padre|hermano|hermana|hijo|hija|esposa|esposo|abuela|abuelo|tío|tía|мать|мама|отец|папа|брат|сестра|сын|дочь|муж|жена|бабушка|дедушка|妈妈|爸爸|哥哥|弟弟|姐姐|妹妹|母|父|兄|姉",
  "friend|friends|colleague|boss|coworker|neighbour|neighbor|roommate|freund|freundin|kollege|kollegin|chef|nachbar|ami|amie|collègue|voisin|amigo|amiga|colega|jefe|vecino|друг|подруга|коллега|начальник|сосед|朋友|同事|友達|同僚",
  "germany|france|spain|italy|england|uk|britain|ireland|portugal|poland|netherlands|belgium|austria|switzerland|sweden|norway|denmark|finland|greece|turkey|russia|ukraine|china|japan|korea|india|indonesia|thailand|vietnam|australia|canada|usa|america|united states|mexico|brazil|argentina|chile|peru|egypt|morocco|nigeria|kenya|south africa|israel|iran|iraq|saudi arabia|deutschland|frankreich|spanien|italien|allemagne|espagne|italie|alemania|francia|españa|italia|россия|германия|франция|中国|日本|美国|法国|德国",
  "london|paris|berlin|madrid|rome|vienna|amsterdam|brussels|lisbon|dublin|athens|moscow|istanbul|cairo|dubai|mumbai|delhi|beijing|shanghai|tokyo|seoul|bangkok|singapore|sydney|melbourne|toronto|montreal|vancouver|new york|los angeles|san francisco|chicago|boston|seattle|miami|dallas|houston|denver|atlanta|las vegas|washington|philadelphia|mexico city|buenos aires|rio|wien|münchen|hamburg|köln|roma|москва|北京|上海|东京|東京|大阪",
  "english|german|french|spanish|italian|portuguese|dutch|polish|russian|chinese|japanese|korean|arabic|hindi|turkish|swedish|greek|latin|deutsch|englisch|französisch|spanisch|italienisch|anglais|allemand|français|espagnol|inglés|alemán|francés|español|английский|немецкий|французский|русский|英语|中文|法语|英語|日本語",
  "dollar|dollars|usd|euro|euros|eur|pound|pounds|gbp|yen|rupee|rupees|yuan|franc|francs|peso|pesos|rouble|ruble|bitcoin|cents|$|€|£|¥|рубль|рублей|доллар|евро|美元|欧元|人民币|円|ドル|ユーロ",
  "mile|miles|kilometer|kilometre|kilometers|kilometres|km|meter|metre|meters|metres|inch|inches|foot|feet|yard|centimeter|pound|ounce|ounces|kilogram|kilograms|kilo|kg|gram|grams|liter|litre|liters|gallon|gallons|cup|cups|tablespoon|teaspoon|degree|degrees|celsius|fahrenheit|meile|zoll|pfund|unze|grad|mètre|degré|milla|metro|kilo|grado|километр|метр|градус|公里|英里|公斤|度",
  "breakfast|lunch|dinner|supper|brunch|dessert|snack|frühstück|mittagessen|abendessen|nachtisch|petit déjeuner|déjeuner|dîner|desayuno|almuerzo|cena|postre|завтрак|обед|ужин|早餐|午餐|晚餐|朝食|昼食|夕食",
  "bread|milk|eggs|egg|cheese|butter|rice|pasta|chicken|beef|pork|fish|salad|soup|pizza|burger|cake|chocolate|sugar|flour|salt|apple|apples|banana|tomato|tomatoes|potato|potatoes|onion|garlic|brot|milch|eier|käse|reis|nudeln|huhn|fisch|suppe|kuchen|zucker|mehl|apfel|kartoffeln|pain|lait|œufs|fromage|riz|poulet|poisson|gâteau|pan|leche|huevos|queso|arroz|pollo|pescado|хлеб|молоко|яйца|сыр|рис|курица|рыба|面包|牛奶|鸡蛋|米饭",
  "coffee|tea|water|juice|beer|wine|soda|espresso|latte|cappuccino|kaffee|tee|wasser|saft|bier|wein|café|thé|eau|jus|bière|vin|té|agua|zumo|cerveza|vino|кофе|чай|вода|сок|пиво|вино|咖啡|茶|水|コーヒー|お茶",
  "kitchen|bedroom|bathroom|living room|garage|garden|hallway|basement|attic|office|balcony|küche|schlafzimmer|badezimmer|wohnzimmer|garten|flur|keller|büro|cuisine|chambre|salle de bain|salon|jardin|bureau|cocina|dormitorio|baño|salón|jardín|oficina|кухня|спальня|ванная|гостиная|厨房|卧室|浴室|客厅|台所|寝室",
  "light|lights|lamp|lamps|bulb|brightness|bright|dim|licht|lampe|lampen|hell|dunkel|lumière|lampe|luz|luces|lámpara|свет|лампа|灯|电灯|電気|照明",
  "plug|socket|vacuum|vacuum cleaner|heater|heating|air conditioner|fan|oven|fridge|dishwasher|washing machine|dryer|toaster|kettle|curtain|curtains|blinds|door|window|lock|steckdose|staubsauger|heizung|klimaanlage|ofen|kühlschrank|spülmaschine|waschmaschine|vorhang|tür|fenster|prise|aspirateur|chauffage|four|frigo|porte|fenêtre|enchufe|aspiradora|calefacción|horno|nevera|puerta|ventana|розетка|пылесос|отопление|духовка|холодильник|дверь|окно|插座|吸尘器|空调|冰箱|门|窗",
  "song|songs|music|track|album|artist|band|singer|playlist|tune|melody|genre|jazz|rock|pop|hip hop|rap|classical|lied|lieder|musik|künstler|sänger|chanson|musique|chanteur|groupe|canción|canciones|música|cantante|песня|музыка|альбом|певец|歌|歌曲|音乐|专辑|曲|音楽",
  "radio|station|fm|podcast|podcasts|episode|broadcast|show|sender|folge|sendung|émission|épisode|emisora|episodio|радио|подкаст|电台|播客|ラジオ",
  "audiobook|audiobooks|book|books|novel|chapter|author|read|reading|hörbuch|buch|bücher|roman|kapitel|autor|livre|livres|roman|chapitre|auteur|libro|libros|novela|capítulo|autor|книга|роман|глава|автор|书|小说|章节|本|小説",
  "movie|movies|film|films|cinema|theater|theatre|actor|actress|series|trailer|kino|schauspieler|serie|acteur|película|películas|cine|фильм|кино|актёр|сериал|电影|电影院|映画",
  "game|games|play chess|chess|cards|quiz|puzzle|trivia|spiel|spiele|schach|jeu|jeux|échecs|juego|juegos|ajedrez|игра|игры|шахматы|游戏|ゲーム",
  "football|soccer|basketball|baseball|tennis|hockey|golf|cricket|rugby|match|score|team|league|championship|fußball|spielstand|mannschaft|liga|équipe|fútbol|partido|equipo|футбол|матч|команда|足球|篮球|比赛|サッカー|野球|試合",
  "news|headline|headlines|newspaper|article|current events|nachrichten|schlagzeilen|zeitung|nouvelles|actualités|journal|noticias|titulares|periódico|новости|газета|新闻|头条|ニュース|新聞",
  "joke|jokes|funny|laugh|humor|witz|witze|lustig|lachen|blague|blagues|drôle|chiste|chistes|gracioso|шутка|анекдот|смешной|笑话|冗談",
  "alarm|alarms|wake|wake up|snooze|wecker|wecken|aufwecken|réveil|réveiller|alarma|despertador|despertar|будильник|разбуди|闹钟|叫醒|アラーム|目覚まし|起こして",
  "timer|countdown|stopwatch|stoppuhr|minuteur|chronomètre|temporizador|cronómetro|таймер|секундомер|计时器|タイマー",
  "remind|reminder|reminders|erinnere|erinnern|erinnerung|rappelle|rappel|recuérdame|recordatorio|напомни|напоминание|提醒|リマインダー",
  "list|lists|todo|to do|to do list|shopping list|grocery list|checklist|liste|listen|einkaufsliste|aufgabenliste|liste de courses|lista|lista de compras|список|清单|列表|リスト",
  "volume|loud|louder|quiet|quieter|mute|unmute|lautstärke|laut|lauter|leise|leiser|stumm|son|fort|plus fort|muet|volumen|alto|silencio|громкость|громче|тише|音量|大声|静音",
  "event|events|party|birthday|wedding|anniversary|holiday|christmas|easter|thanksgiving|new year|veranstaltung|feier|geburtstag|hochzeit|weihnachten|ostern|fête|anniversaire|mariage|noël|pâques|fiesta|cumpleaños|boda|navidad|праздник|день рождения|свадьба|рождество|生日|婚礼|圣诞节|誕生日|結婚式",
  "taxi|cab|uber|ride|lyft|bus|train|subway|metro|tram|zug|bahn|u bahn|straßenbahn|trajet|métro|tren|autobús|такси|автобус|поезд|метро|出租车|公交|火车|地铁|タクシー|バス|電車",
  "traffic|route|directions|navigate|map|distance|how far|commute|gps|verkehr|stau|strecke|wegbeschreibung|karte|entfernung|trafic|itinéraire|carte|distance|tráfico|ruta|mapa|distancia|пробки|маршрут|карта|расстояние|交通|路线|地图|距离|渋滞|道順|地図",
  "car|vehicle|truck|bike|bicycle|motorcycle|tire|tires|tyre|engine|oil|gas|fuel|brake|mileage|auto|fahrrad|motorrad|reifen|motor|benzin|voiture|vélo|moto|pneu|essence|coche|bicicleta|rueda|gasolina|машина|велосипед|шина|бензин|汽车|自行车|轮胎|汽油|車|自転車",
  "tweet|twitter|facebook|instagram|post|social media|status|hashtag|linkedin|youtube|tiktok|beitrag|soziale medien|publication|réseaux sociaux|redes sociales|publicación|соцсети|пост|微博|朋友圈|投稿",
  "message|text|texts|sms|whatsapp|chat|inbox|reply|nachricht|textnachricht|antworten|posteingang|message|répondre|mensaje|responder|сообщение|смс|短信|消息|回复|メッセージ|返信",
  "contact|contacts|address|address book|phone number|kontakt|kontakte|adresse|adressbuch|telefonnummer|contact|adresse|contacto|dirección|контакт|адрес|联系人|地址|連絡先|住所",
  "plus|minus|times|multiply|multiplied|divide|divided|add up|subtract|sum|percent|percentage|square root|equation|calculate|math|mal|geteilt|summe|prozent|wurzel|berechne|rechnen|multiplier|diviser|somme|pourcentage|calculer|dividir|suma|por ciento|calcular|умножить|разделить|сумма|процент|вычисли|加|减|乘|除|计算|足す|引く|計算",
  "define|definition|meaning|mean|means|synonym|antonym|word|spell|spelling|pronounce|bedeutung|bedeutet|wort|buchstabieren|définition|signifie|mot|épeler|significado|significa|palabra|deletrear|значение|значит|слово|意思|定义|拼写|意味|定義",
  "temperature|hot|cold|warm|cool|warmer|cooler|degrees outside|snow|sunny|cloudy|wind|windy|storm|umbrella|temperatur|heiß|kalt|schnee|sonnig|bewölkt|wind|sturm|regenschirm|chaud|froid|neige|vent|orage|parapluie|calor|frío|nieve|viento|tormenta|paraguas|температура|жарко|холодно|снег|ветер|зонт|温度|热|冷|雪|风|雨伞|気温|暑い|寒い|傘",
  "stock|stocks|share|shares|share price|market|nasdaq|invest|investment|fund|pension|aktie|aktien|börse|fonds|rente|action|actions|bourse|retraite|acción|acciones|bolsa|inversión|акции|акция|биржа|инвестиции|股票|股价|股市|株|株価",
  "exchange rate|conversion|convert|currency|wechselkurs|umrechnen|währung|taux de change|convertir|devise|tipo de cambio|moneda|курс|конвертировать|валюта|汇率|换算|货币|為替|換算",
  "insurance|coverage|policy|deductible|premium|claim|versicherung|deckung|police|assurance|sinistre|seguro|cobertura|póliza|страховка|страхование|保险|理赔|保険",
  "interest|interest rate|loan|mortgage|debt|credit score|credit limit|credit|zins|zinsen|kredit|darlehen|hypothek|schulden|intérêt|prêt|crédit|dette|interés|préstamo|hipoteca|deuda|crédito|процент по кредиту|кредит|ипотека|долг|利率|贷款|信用|金利|ローン",
  "atm|cash|withdraw|withdrawal|deposit|check|checks|cheque|geldautomat|bargeld|abheben|abhebung|einzahlen|einzahlung|scheck|distributeur|espèces|retirer|retrait|dépôt|chèque|cajero|efectivo|retirar|retiro|depósito|cheque|банкомат|наличные|снять|пополнить|чек|取款机|现金|取款|存款|支票|現金|引き出し|入金",
  "pin|code|verify|verification|identity|authenticate|passport|id card|visa|license|driver's license|ausweis|reisepass|identität|bestätigen|führerschein|identité|passeport|permis|vérifier|identidad|pasaporte|verificar|паспорт|подтвердить|личность|виза|护照|身份|验证|签证|パスポート|身分|確認",
  "luggage|suitcase|baggage|boarding pass|gate|layover|vaccine|vaccination|tourist|sightseeing|gepäck|koffer|bordkarte|impfung|tourist|bagage|valise|carte d'embarquement|vaccin|equipaje|maleta|tarjeta de embarque|vacuna|багаж|чемодан|прививка|турист|行李|登机牌|疫苗|旅游|荷物|搭乗券|予防接種|観光",
  "calories|calorie|nutrition|diet|vegan|vegetarian|healthy|protein|ingredient|ingredients|substitute|kalorien|nährwert|diät|gesund|zutat|zutaten|calories|régime|ingrédient|calorías|dieta|ingrediente|калории|диета|ингредиент|卡路里|营养|食材|カロリー|材料",
  "dog|dogs|cat|cats|pet|pets|animal|animals|bird|horse|hund|katze|haustier|tier|tiere|vogel|pferd|chien|chat|animal|oiseau|perro|gato|mascota|pájaro|собака|кошка|кот|животное|птица|狗|猫|宠物|动物|犬|動物",
  "who is|who was|how old|born|president|capital|population|tall|wer ist|wer war|wie alt|geboren|präsident|hauptstadt|einwohner|qui est|quel âge|né|président|capitale|quién es|cuántos años|nació|presidente|capital|кто такой|сколько лет|родился|президент|столица|谁是|多大|总统|首都|人口|誰ですか|何歳|大統領",
];

const index = lazy(() =>
  buildKeywords(
    CLASSES.flatMap((line, owner) => line.split("|").map((keyword) => ({ owner, keyword }))),
    { isExactOnly: true },
  ),
);

/** Classes whose words are in a text, each with the words [start, end) that belong to it. */
export function classesIn(
  words: readonly Word[],
): readonly { readonly owner: number; readonly start: number; readonly end: number }[] {
  return index().find(words);
}
