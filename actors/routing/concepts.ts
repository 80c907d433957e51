// Words of one meaning across languages, for the subjects that support desks see every day: they let
// a German message find a trigger written in English, and "money back" find "refund". Evidence of
// the second kind only: a keyword of the trigger itself always says more.

import { lazy } from "../../runtime/shared/lazy.ts";
import type { Word } from "../text/words.ts";
import { buildKeywords } from "./keyword.ts";

// One concept a line, its words and phrases parted by "|".
const CONCEPTS = [
  "refund|money back|reimburse|reimbursement|chargeback|rückerstattung|erstattung|geld zurück|erstatten|zurückerstatten|remboursement|rembourser|remboursé|reembolso|reembolsar|devolución|devolver el dinero|rimborso|rimborsare|terugbetaling|geld terug|zwrot|возврат|вернуть деньги|iade|para iadesi|استرداد|रिफंड|退款|退钱|返金|払い戻し|환불|refusion|återbetalning",
  "invoice|bill|billing|receipt|rechnung|quittung|facture|facturation|reçu|factura|facturación|recibo|fatura|fattura|ricevuta|factuur|faktura|rachunek|счет|счёт|квитанция|fatura|فاتورة|चालान|发票|账单|請求書|領収書|請求|인보이스|청구서|영수증",
  "pay|payment|charge|charged|billed|paid|debit|overcharged|double charge|zahlung|bezahlen|zahlen|abgebucht|abbuchung|paiement|payer|payé|prélevé|débité|débit|pago|pagar|cobro|cobrado|cargo|pagamento|cobrança|pagare|addebito|addebitato|betaling|betalen|płatność|zapłacić|оплата|платеж|списали|списание|заплатить|ödeme|الدفع|دفع|भुगतान|付款|支付|扣款|扣了|支払い|支払|결제|지불",
  "price|pricing|cost|costs|fee|fees|rate|how much|preis|preise|kosten|kostet|gebühr|prix|coût|coûte|tarif|precio|precios|cuesta|coste|costo|tarifa|preço|custa|prezzo|prezzi|costa|prijs|cena|koszt|ile kosztuje|цена|стоимость|сколько стоит|fiyat|ücret|السعر|कीमत|价格|多少钱|费用|値段|料金|価格|가격|요금|얼마",
  "subscription|subscribe|plan|membership|tier|abonnement|abo|mitgliedschaft|suscripción|assinatura|abbonamento|subskrypcja|подписка|тариф|abonelik|اشتراك|सदस्यता|订阅|套餐|会员|サブスクリプション|プラン|定期購読|구독|요금제",
  "upgrade|downgrade|change plan|hochstufen|tarif wechseln|mise à niveau|actualizar plan|升级|アップグレード|업그레이드",
  "cancel|cancellation|terminate|unsubscribe|kündigen|kündigung|stornieren|annuler|annulation|résilier|résiliation|cancelar|cancelación|cancelamento|disdire|disdetta|annullare|opzeggen|annuleren|anulować|rezygnacja|отменить|отмена|отказаться|iptal|إلغاء|रद्द|取消|退订|解約|キャンセル|취소|해지",
  "credit card|debit card|card|kreditkarte|karte|carte bancaire|carte de crédit|carte|tarjeta|cartão|carta di credito|carta|creditcard|karta|карта|картой|kart|بطاقة|कार्ड|信用卡|银行卡|カード|카드",
  "bank|account balance|transfer|wire|iban|überweisung|konto|virement|banque|transferencia|transferência|bonifico|banca|przelew|перевод|банк|havale|转账|银行|振込|銀行|이체|은행",
  "tax|taxes|vat|gst|steuer|mehrwertsteuer|tva|impôt|impuesto|iva|imposto|tasse|btw|podatek|налог|ндс|vergi|ضريبة|税|税金|세금",
  "discount|coupon|promo|promo code|voucher|rabatt|gutschein|remise|réduction|code promo|descuento|cupón|desconto|cupom|sconto|korting|zniżka|rabat|скидка|промокод|indirim|خصم|छूट|折扣|优惠|優惠券|割引|クーポン|할인|쿠폰",
  "order|purchase|bestellung|bestellen|bestellt|commande|commander|pedido|compra|encomenda|ordine|acquisto|bestelling|zamówienie|заказ|покупка|sipariş|طلب|ऑर्डर|订单|下单|注文|주문",
  "delivery|shipping|shipment|ship|package|parcel|tracking|courier|lieferung|versand|paket|liefern|sendungsverfolgung|livraison|colis|expédition|envío|entrega|paquete|envio|pacote|spedizione|consegna|pacco|levering|verzending|pakket|dostawa|przesyłka|paczka|доставка|посылка|отправка|kargo|teslimat|شحن|توصيل|डिलीवरी|快递|发货|物流|送货|配送|荷物|発送|배송|택배",
  "return|exchange|send back|rückgabe|umtausch|zurückschicken|zurückgeben|retour|retourner|échange|devolución|devolver|cambio|devolução|troca|reso|restituire|ruilen|zwrócić|wymiana|вернуть товар|обмен|değişim|إرجاع|退货|换货|返品|交換|반품|교환",
  "error|bug|crash|crashes|crashing|broken|fault|failure|fails|failed|issue|problem|not working|doesn't work|does not work|won't work|stopped working|glitch|fehler|absturz|abgestürzt|stürzt ab|kaputt|funktioniert nicht|geht nicht|problème|erreur|panne|plante|ne marche pas|ne fonctionne pas|ne marche plus|bogue|fallo|falla|no funciona|roto|se cierra|problema|erro|falha|não funciona|quebrado|trava|errore|guasto|non funziona|si blocca|fout|werkt niet|kapot|storing|błąd|awaria|nie działa|ошибка|сбой|не работает|вылетает|сломалось|проблема|hata|çalışmıyor|sorun|خطأ|لا يعمل|مشكلة|त्रुटि|काम नहीं|错误|报错|崩溃|故障|不能用|无法使用|闪退|坏了|问题|エラー|不具合|故障|クラッシュ|動かない|動きません|落ちる|오류|에러|고장|작동하지|안 돼|안돼|문제",
  "password|login|log in|sign in|signin|sign-in|locked out|2fa|passcode|credentials|passwort|kennwort|anmelden|anmeldung|einloggen|zugang|mot de passe|connexion|me connecter|se connecter|identifiant|contraseña|iniciar sesión|acceso|acceder|senha|entrar na conta|accesso|accedere|wachtwoord|inloggen|hasło|logowanie|zalogować|пароль|войти|вход|логин|şifre|parola|giriş|كلمة المرور|تسجيل الدخول|पासवर्ड|लॉगिन|密码|登录|登陆|登入|パスワード|ログイン|비밀번호|로그인",
  "install|installation|setup|set up|configure|configuration|deploy|getting started|installieren|einrichten|einrichtung|konfigurieren|installer|configurer|paramétrer|instalar|instalación|configurar|configuración|instalação|configuração|installare|configurare|installeren|instellen|zainstalować|instalacja|konfiguracja|установить|установка|настроить|настройка|kurulum|kurmak|yükle|تثبيت|إعداد|इंस्टॉल|安装|设置|配置|部署|インストール|設定|セットアップ|설치|설정",
  "slow|slowness|lag|laggy|timeout|performance|freeze|freezes|frozen|hangs|langsam|hängt|friert ein|lent|lenteur|ralenti|fige|lento|lentitud|se congela|lentidão|lentezza|traag|wolny|zawiesza|медленно|тормозит|зависает|yavaş|donuyor|بطيء|धीमा|慢|卡顿|卡住|遅い|重い|固まる|느려|느리|멈춰",
  "internet|wifi|wi-fi|network|connection|connect|vpn|router|offline|netzwerk|verbindung|verbinden|réseau|connexion internet|red|conexión|rede|conexão|rete|connessione|netwerk|verbinding|sieć|połączenie|сеть|интернет|соединение|подключение|ağ|bağlantı|شبكة|اتصال|नेटवर्क|网络|连接|连不上|ネットワーク|接続|네트워크|연결|인터넷",
  "server|outage|down|500|503|downtime|ausfall|serveur|hors service|servidor|caído|fuori servizio|сервер|宕机|服务器|サーバー|障害|서버|장애",
  "account|profile|konto|benutzerkonto|profil|compte|cuenta|perfil|conta|account|profilo|konto|аккаунт|учетная запись|профиль|hesap|profil|حساب|खाता|账户|账号|帐号|アカウント|계정",
  "documentation|docs|manual|guide|tutorial|handbook|reference|dokumentation|anleitung|handbuch|notice|mode d'emploi|documentación|guía|instrucciones|documentação|guia|documentazione|guida|istruzioni|handleiding|documentatie|dokumentacja|instrukcja|poradnik|документация|инструкция|руководство|kılavuz|belge|دليل|توثيق|दस्तावेज़|文档|手册|教程|说明|指南|ドキュメント|マニュアル|説明書|使い方|ガイド|문서|설명서|가이드|사용법",
  "feature|features|functionality|capability|capabilities|supports|function|funktion|funktionen|unterstützt|fonctionnalité|fonction|función|funcionalidad|característica|funcionalidade|recurso|funzione|funzionalità|functie|mogelijkheden|funkcja|функция|возможность|возможности|özellik|ميزة|सुविधा|功能|特性|機能|기능",
  "product|product behavior|produkt|produit|producto|produto|prodotto|продукт|товар|ürün|منتج|उत्पाद|产品|製品|商品|제품|상품",
  "export|exporting|download|backup|exportieren|export|herunterladen|exporter|télécharger|exportar|descargar|baixar|esportare|scaricare|exporteren|downloaden|eksportować|eksport|pobrać|экспорт|экспортировать|скачать|выгрузить|dışa aktar|indir|تصدير|تحميل|निर्यात|डाउनलोड|导出|下载|エクスポート|ダウンロード|書き出し|내보내기|다운로드",
  "import|upload|importieren|hochladen|importer|téléverser|importar|subir|carregar|importare|caricare|importeren|uploaden|importować|przesłać|импорт|загрузить|içe aktar|yükle|استيراد|رفع|导入|上传|インポート|アップロード|가져오기|업로드",
  "data|dataset|daten|données|datos|dados|dati|gegevens|dane|данные|veri|بيانات|डेटा|数据|データ|데이터",
  "api|integration|webhook|sdk|endpoint|integrate|schnittstelle|integrieren|intégration|integración|integração|integrazione|integratie|integracja|интеграция|entegrasyon|接口|集成|連携|연동",
  "sales|buy|quote|demo|trial|enterprise|kaufen|angebot|vertrieb|testversion|probe|acheter|devis|essai|vente|ventes|comprar|cotización|presupuesto|ventas|prueba|orçamento|vendas|teste grátis|comprare|preventivo|prova|vendite|kopen|offerte|kupić|oferta|sprzedaż|купить|продажи|пробный|satın|teklif|deneme|شراء|عرض سعر|खरीद|购买|报价|试用|销售|購入|見積|見積もり|お試し|구매|견적|체험",
  "contract|legal|terms|privacy|gdpr|compliance|lawyer|license|licence|vertrag|datenschutz|recht|lizenz|dsgvo|contrat|confidentialité|juridique|licence|rgpd|contrato|legal|privacidad|licencia|privacidade|licença|contratto|legale|licenza|umowa|prawny|prywatność|договор|юридический|лицензия|конфиденциальность|sözleşme|gizlilik|عقد|قانوني|合同|隐私|法律|许可|契約|法務|プライバシー|계약|법률|개인정보",
  "vacation|holiday|leave|time off|pto|sick leave|sick day|urlaub|krankmeldung|congé|congés|vacances|vacaciones|baja médica|férias|ferie|vakantie|verlof|urlop|zwolnienie|отпуск|больничный|izin|tatil|إجازة|छुट्टी|休假|年假|请假|病假|休暇|有給|휴가|연차|병가",
  "salary|payroll|wage|payslip|bonus|gehalt|lohn|gehaltsabrechnung|salaire|paie|salario|nómina|sueldo|salário|stipendio|busta paga|salaris|loon|pensja|wynagrodzenie|зарплата|maaş|راتب|वेतन|工资|薪水|薪资|給料|給与|월급|급여",
  "hr|human resources|hiring|job|onboarding|benefits|recruiting|career|personal|personalabteilung|bewerbung|rh|ressources humaines|embauche|recursos humanos|empleo|emprego|risorse umane|assunzione|кадры|вакансия|insan kaynakları|人事|招聘|福利|採用|인사|채용|복지",
  "appointment|schedule|reschedule|booking|book|reserve|reservation|calendar|meeting|termin|buchen|buchung|reservierung|rendez-vous|réservation|réserver|cita|reserva|reservar|consulta|marcar|appuntamento|prenotazione|prenotare|afspraak|boeken|reservering|wizyta|rezerwacja|umówić|запись|записаться|бронирование|забронировать|встреча|randevu|rezervasyon|موعد|حجز|अपॉइंटमेंट|बुकिंग|预约|预订|预定|会议|予約|会議|예약|회의",
  "flight|travel|trip|airline|airport|ticket|flug|reise|vol|voyage|billet|vuelo|viaje|billete|voo|viagem|passagem|volo|viaggio|biglietto|vlucht|reis|lot|podróż|bilet|рейс|билет|поездка|полет|uçuş|seyahat|bilet|رحلة|طيران|उड़ान|यात्रा|航班|机票|旅行|フライト|航空券|旅行|항공권|비행기|여행",
  "hotel|room|accommodation|check-in|zimmer|unterkunft|hôtel|chambre|hébergement|habitación|alojamiento|quarto|hospedagem|camera|alloggio|kamer|pokój|nocleg|отель|гостиница|номер|otel|oda|فندق|होटल|酒店|房间|住宿|ホテル|部屋|호텔|객실",
  "weather|forecast|rain|wetter|regen|météo|pluie|clima|lluvia|tiempo|previsão do tempo|chuva|meteo|pioggia|weer|pogoda|погода|дождь|hava durumu|طقس|मौसम|天气|天気|날씨",
  "complaint|complain|unhappy|unacceptable|terrible|beschwerde|unzufrieden|réclamation|plainte|mécontent|queja|reclamación|reclamação|reclamo|klacht|skarga|reklamacja|жалоба|претензия|şikayet|شكوى|शिकायत|投诉|クレーム|苦情|불만|항의",
  "human|real person|representative|human agent|speak to someone|talk to someone|manager|supervisor|mensch|mitarbeiter|echte person|personne réelle|conseiller|parler à quelqu'un|humano|persona real|hablar con alguien|operador|atendente|operatore|persona reale|medewerker|konsultant|człowiek|оператор|живой человек|temsilci|موظف|人工|人工客服|真人|担当者|人間|오퍼레이터|상담원|사람",
  "security|hacked|fraud|phishing|stolen|breach|suspicious|scam|unauthorized|sicherheit|gehackt|betrug|gestohlen|verdächtig|sécurité|piraté|fraude|volé|seguridad|hackeado|robado|segurança|roubado|sicurezza|truffa|rubato|beveiliging|fraude|bezpieczeństwo|oszustwo|безопасность|взлом|взломали|мошенничество|güvenlik|dolandırıcılık|أمان|احتيال|सुरक्षा|धोखाधड़ी|安全|被盗|诈骗|セキュリティ|詐欺|不正|보안|해킹|사기",
  "report|analytics|statistics|dashboard|chart|metrics|bericht|statistik|auswertung|rapport|statistiques|tableau de bord|informe|estadísticas|reporte|relatório|estatísticas|rapporto|statistiche|raport|отчет|отчёт|статистика|rapor|تقرير|रिपोर्ट|报告|报表|统计|レポート|報告|統計|보고서|통계",
  "translate|translation|übersetzen|übersetzung|traduire|traduction|traducir|traducción|traduzir|tradução|tradurre|traduzione|vertalen|tłumaczenie|перевести|çeviri|ترجمة|अनुवाद|翻译|翻訳|번역",
  "code|programming|debug|script|function call|refactor|compile|programmieren|quellcode|programmer|código|programar|codice|programmare|программирование|код|kod|برمجة|代码|编程|コード|プログラミング|코드|프로그래밍",
  "email|e-mail|mail|newsletter|courriel|correo|e-mail|posta|почта|письмо|e-posta|بريد|ईमेल|邮件|邮箱|メール|이메일",
  "phone|telephone|call|mobile|telefon|anruf|handy|téléphone|appel|portable|teléfono|llamada|móvil|telefone|ligação|celular|telefono|chiamata|cellulare|telefoon|телефон|звонок|telefon|هاتف|फ़ोन|电话|手机|電話|携帯|전화|휴대폰",
  "warranty|guarantee|repair|garantie|reparatur|réparation|garantía|reparación|garantia|conserto|reparo|garanzia|riparazione|reparatie|gwarancja|naprawa|гарантия|ремонт|garanti|tamir|ضمان|إصلاح|वारंटी|保修|维修|保証|修理|보증|수리",
  "delete|remove|erase|löschen|entfernen|supprimer|effacer|eliminar|borrar|excluir|apagar|eliminare|cancellare|verwijderen|usunąć|удалить|silmek|sil|حذف|हटाना|删除|移除|削除|삭제",
  "doctor|health|medical|symptom|pain|arzt|gesundheit|schmerzen|médecin|santé|douleur|médico|salud|dolor|saúde|dor|medico|salute|dolore|dokter|lekarz|zdrowie|врач|здоровье|боль|doktor|sağlık|طبيب|صحة|डॉक्टर|स्वास्थ्य|医生|健康|疼|医者|病院|痛い|의사|건강|통증",
  "recipe|food|restaurant|meal|menu|cook|rezept|essen|speisekarte|recette|repas|cuisine|receta|comida|menú|receita|ricetta|cibo|recept|eten|przepis|jedzenie|рецепт|еда|ресторан|меню|yemek|tarif|طعام|مطعم|भोजन|菜谱|食物|餐厅|菜单|レシピ|食事|料理|레시피|음식|식당",
];

const index = lazy(() =>
  buildKeywords(
    CONCEPTS.flatMap((line, owner) => line.split("|").map((keyword) => ({ owner, keyword }))),
  ),
);

type Concept = { readonly owner: number; readonly start: number; readonly end: number };

/** Of the words of one message, which several parts of a router ask for in turn. */
const conceptsOfWords = new WeakMap<readonly Word[], readonly Concept[]>();

/** Concepts in a text, each with the words [start, end) that name it. */
export function conceptsIn(words: readonly Word[]): readonly Concept[] {
  let concepts = conceptsOfWords.get(words);
  if (concepts === undefined) {
    concepts = index().find(words);
    conceptsOfWords.set(words, concepts);
  }
  return concepts;
}
