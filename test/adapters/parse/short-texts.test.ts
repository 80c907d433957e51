// Texts of a few words in encodings from before UTF-8: bytes that Python's codecs wrote, and what they say.

import { expect, test } from "vitest";
import { decodeText } from "../../../adapters/parse/decode.ts";
import { parseDocument } from "../../../adapters/parse/parse.ts";

const texts: readonly (readonly [string, readonly (readonly [hex: string, text: string])[]])[] = [
  [
    "windows-1252",
    [
      ["4772fcdf65", "Grüße"],
      ["53747261df65", "Straße"],
      ["66fc72204dfc6c6c6572", "für Müller"],
      ["c47267657220696d2042fc726f", "Ärger im Büro"],
      ["736368f66e65204772fcdf6520617573204bf66c6e", "schöne Grüße aus Köln"],
      ["e974e9", "été"],
      ["e02064656d61696e", "à demain"],
      ["64e96ae0207675", "déjà vu"],
      ["c761207661206269656e2c204672616ee76f69733f", "Ça va bien, François?"],
      ["636166e9206372e86d65", "café crème"],
      ["456c206e69f16f20636f6d69f3207069f161", "El niño comió piña"],
      ["bf5175e920706173f33f", "¿Qué pasó?"],
      ["53e36f205061756c6f206ee36f20e9206c6f6e6765", "São Paulo não é longe"],
      ["736df67267e573626f72642070e520626f72646574", "smörgåsbord på bordet"],
      ["626ce562e672206f6720f86c", "blåbær og øl"],
      ["4772f6df653a20352080", "Größe: 5 €"],
    ],
  ],
  [
    "windows-1251",
    [
      ["cff0e8e2e5f2", "Привет"],
      ["c4eee3eee2eef0", "Договор"],
      ["c4e0", "Да"],
      ["cff0e8e2e5f220ece8f0", "Привет мир"],
      ["d6e5ede02035303020f0f3e1", "Цена 500 руб"],
      ["e220cceef1eae2e5", "в Москве"],
      ["cae0ea20e4e5ebe03f", "Как дела?"],
      ["c4cec3cec2ced0", "ДОГОВОР"],
      ["c2eee7e2f0e0f220f2eee2e0f0e0", "Возврат товара"],
      ["cef2f7b8f220e7e020e3eee4", "Отчёт за год"],
      ["b9203520eef220ece0ff", "№ 5 от мая"],
      ["c2eeeff0eef120e820eef2e2e5f2", "Вопрос и ответ"],
      ["d1efe0f1e8e1ee20e7e020e7e0eae0e7", "Спасибо за заказ"],
      ["6f726465723a20e7e0eae0e7203132", "order: заказ 12"],
      ["c2e0f820f1f7b8f2", "Ваш счёт"],
      ["def0e8e9", "Юрий"],
    ],
  ],
  [
    "koi8-r",
    [
      ["f0d2c9d7c5d4", "Привет"],
      ["e4cfc7cfd7cfd2", "Договор"],
      ["f0d2c9d7c5d420cdc9d2", "Привет мир"],
      ["e3c5cec12035303020d2d5c2", "Цена 500 руб"],
      ["d720edcfd3cbd7c5", "в Москве"],
      ["ebc1cb20c4c5ccc13f", "Как дела?"],
      ["e4efe7eff7eff2", "ДОГОВОР"],
      ["f7cfdad7d2c1d420d4cfd7c1d2c1", "Возврат товара"],
      ["f7cfd0d2cfd320c920cfd4d7c5d4", "Вопрос и ответ"],
      ["f3d0c1d3c9c2cf20dac120dac1cbc1da", "Спасибо за заказ"],
      ["6f726465723a20dac1cbc1da203132", "order: заказ 12"],
      ["f7c1db20d3dec5d4", "Ваш счет"],
      ["cdc9d2", "мир"],
      ["ebc1cb20d7c5d2ced5d4d820d4cfd7c1d23f", "Как вернуть товар?"],
      ["f4c5ccc5c6cfce", "Телефон"],
      ["efd0ccc1d4c120cbc1d2d4cfca", "Оплата картой"],
    ],
  ],
  [
    "ibm866",
    [
      ["8fe0a8a2a5e2", "Привет"],
      ["84aea3aea2aee0", "Договор"],
      ["8fe0a8a2a5e220aca8e0", "Привет мир"],
      ["96a5ada02035303020e0e3a1", "Цена 500 руб"],
      ["8aa0aa20a4a5aba03f", "Как дела?"],
      ["82aea7a2e0a0e220e2aea2a0e0a0", "Возврат товара"],
      ["91afa0e1a8a1ae20a7a020a7a0aaa0a7", "Спасибо за заказ"],
      ["92a5aba5e4aead", "Телефон"],
      ["8eafaba0e2a020aaa0e0e2aea9", "Оплата картой"],
      ["83a4a520acaea920a7a0aaa0a7", "Где мой заказ"],
      ["afaeacaee9ec", "помощь"],
    ],
  ],
  [
    "windows-1253",
    [
      ["cae1ebe7ecddf1e1", "Καλημέρα"],
      ["c1e8deede1", "Αθήνα"],
      ["c5f5f7e1f1e9f3f4fe20f0efebfd", "Ευχαριστώ πολύ"],
      ["d0effd20e5dfede1e920e720f4e9ecde3b", "Πού είναι η τιμή;"],
      ["f3f5ece2fcebe1e9ef", "συμβόλαιο"],
      ["f0e1f1e1e3e3e5ebdfe1", "παραγγελία"],
      ["d0fcf3ef20eaeff3f4dfe6e5e93b", "Πόσο κοστίζει;"],
      ["e5f0e9f3f4f1eff6de20f7f1e7ecdcf4f9ed", "επιστροφή χρημάτων"],
    ],
  ],
  [
    "shift_jis",
    [
      ["93fa967b8cea", "日本語"],
      ["836583588367", "テスト"],
      ["82b182f182c982bf82cd", "こんにちは"],
      ["8c5f96f18f91", "契約書"],
      ["95d4956982cc95fb9640", "返品の方法"],
      ["82a082e882aa82c682a4", "ありがとう"],
      ["928d95b694d48d8682cd313282c582b7", "注文番号は12です"],
      ["938c8b9e9373", "東京都"],
      ["834a835e834a8369", "カタカナ"],
      ["919797bf82cd82a282ad82e782c582b782a9", "送料はいくらですか"],
      ["6f726465723a20928d95b6", "order: 注文"],
      ["8fa49569", "商品"],
      ["947a919782c982c282a282c4", "配送について"],
      ["89ef8ed088c493e0", "会社案内"],
      ["82a896bc914f", "お名前"],
      ["8365838c8372", "テレビ"],
    ],
  ],
  [
    "euc-jp",
    [
      ["c6fccbdcb8eca4cea5c6a5ada5b9a5c8", "日本語のテキスト"],
      ["a5c6a5b9a5c8", "テスト"],
      ["a4b3a4f3a4cba4c1a4cf", "こんにちは"],
      ["cad6c9caa4cecafdcba1", "返品の方法"],
      ["a4a2a4eaa4aca4c8a4a6", "ありがとう"],
      ["c1f7cec1a4cfa4a4a4afa4e9a4c7a4b9a4ab", "送料はいくらですか"],
      ["bea6c9caa4cba4c4a4a4a4c6", "商品について"],
      ["a4aaccbec1b0", "お名前"],
      ["a5ada5e3a5f3a5bba5eba4b7a4bfa4a4", "キャンセルしたい"],
      ["a4a4a4c4c6cfa4ada4dea4b9a4ab", "いつ届きますか"],
    ],
  ],
  [
    "gb18030",
    [
      ["c4e3bac3", "你好"],
      ["bacfcdac", "合同"],
      ["cdcbbfee", "退款"],
      ["d6d0cec4", "中文"],
      ["c4e3bac3cac0bde7", "你好世界"],
      ["ced2c3c7b5c4b7fecef1", "我们的服务"],
      ["b6a9b5a5bac520313233", "订单号 123"],
      ["b8b6bfeeb7bdcabd", "付款方式"],
      ["d0bbd0bbc4fab5c4c0b4d0c5", "谢谢您的来信"],
      ["b7a2c6b1d0c5cfa2", "发票信息"],
      ["b1b1bea9", "北京"],
      ["c7ebc1aacfb5bfcdb7fe", "请联系客服"],
      ["cab2c3b4cac7bacfcdaca3bf", "什么是合同？"],
      ["d4f5c3b4cdcbbbf5", "怎么退货"],
      ["ccecc6f8badcbac3", "天气很好"],
      ["b7a2bbf5cab1bce4", "发货时间"],
    ],
  ],
  [
    "big5",
    [
      ["a741a66ea540acc9", "你好世界"],
      ["a658acf9", "合約"],
      ["b068b4da", "退款"],
      ["a7daadccaabaaa41b0c8", "我們的服務"],
      ["ad71b3e6b8b920313233", "訂單號 123"],
      ["c1c2c1c2b17aaabaa8d3ab48", "謝謝您的來信"],
      ["bdd0c170c3b4abc8aa41", "請聯繫客服"],
      ["bb4fc657", "臺灣"],
      ["abe7bbf2b068b366", "怎麼退貨"],
      ["a4d1aef0abdca66e", "天氣很好"],
      ["b56fb366aec9b6a1", "發貨時間"],
      ["b14bbd58a7d1b04fa446", "密碼忘記了"],
      ["a661a77dbff9bb7e", "地址錯誤"],
    ],
  ],
  [
    "euc-kr",
    [
      ["bec8b3e7c7cfbcbcbfe4", "안녕하세요"],
      ["c8afbad2", "환불"],
      ["b0e8bee0bcad", "계약서"],
      ["c1d6b9ae20b9f8c8a3203132", "주문 번호 12"],
      ["b0a8bbe7c7d5b4cfb4d9", "감사합니다"],
      ["b9e8bcdbc0ba20bef0c1a620bfc0b3aabfe43f", "배송은 언제 오나요?"],
      ["c7d1b1b9beee", "한국어"],
      ["b9ddc7b020b9e6b9fd", "반품 방법"],
      ["baf1b9d0b9f8c8a3", "비밀번호"],
      ["b0a1b0ddc0cc20bef3b8b6bfb9bfe4", "가격이 얼마예요"],
      ["b3afbebe", "날씨"],
      ["c7d0b1b3bfa120b0a9b4cfb4d9", "학교에 갑니다"],
    ],
  ],
];

test.each(texts)("short texts of %s are read as what they are", (encoding, all) => {
  const read = all.map(([hex]) => decodeText(Buffer.from(hex, "hex")));

  expect(read.map(({ text }) => text)).toEqual(all.map(([, text]) => text));
  expect([...new Set(read.map((one) => one.encoding))]).toEqual([encoding]);
  const isGuessed = encoding !== "windows-1252";
  expect(read.every(({ warnings }) => warnings.length === (isGuessed ? 1 : 0))).toBe(true);
});

test("a few such words in a long text of plain letters are found", () => {
  const plain = "This is a long letter in plain English words. ".repeat(100_000);
  const { text, encoding } = decodeText(Buffer.from(`${plain}Gr\xfc\xdfe aus K\xf6ln`, "latin1"));

  expect([encoding, text.endsWith("Grüße aus Köln")]).toEqual(["windows-1252", true]);
});

test("bytes that look like UTF-32 and are no text are refused, not read", async () => {
  const noise = Buffer.alloc(4_000);
  for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE(0x1_0f00 + (at % 97), at);
  const numbers = Buffer.alloc(4_000);
  for (let at = 0; at < numbers.length; at += 4) numbers.writeInt32LE(at, at);

  for (const bytes of [noise, numbers]) {
    await expect(parseDocument({ bytes, name: "a.txt" })).rejects.toMatchObject({
      code: "DOCUMENT_UNREADABLE",
      details: { reason: "unsupported" },
    });
  }
});
