// Triggers in other languages than English: by keywords alone, by examples alone, and what is meant
// for nobody. The texts are this project's own.

import { describe, expect, test } from "vitest";
import { compile } from "../../../actors/routing/compile.ts";
import { route } from "../../../actors/routing/router.ts";
import { agentOf, subAgentOf } from "./supervisors.ts";

interface Shop {
  readonly keywords: Readonly<Record<Desk, readonly string[]>>;
  readonly byKeyword: readonly (readonly [string, Desk])[];
  readonly examples: Readonly<Record<Desk, readonly string[]>>;
  readonly byExample: readonly (readonly [string, Desk])[];
  readonly stranger: string;
}
type Desk = "delivery" | "refund" | "account";
const desks: readonly Desk[] = ["delivery", "refund", "account"];

const shops: Readonly<Record<string, Shop>> = {
  German: {
    keywords: {
      delivery: ["Lieferung", "Paket", "Sendung"],
      refund: ["Rückgabe", "Erstattung"],
      account: ["Passwort", "Anmeldung"],
    },
    byKeyword: [
      ["Wann kommen meine Pakete endlich an?", "delivery"],
      ["ERSTATTUNG bitte", "refund"],
      ["Ich habe mein Passwort vergessen", "account"],
    ],
    examples: {
      delivery: ["wo bleibt meine Bestellung", "der Bote war nicht da", "wann kommt der Schrank"],
      refund: [
        "ich möchte die Schuhe zurückgeben",
        "Geld zurück für die Jacke",
        "Umtausch der Hose",
      ],
      account: ["ich komme nicht in mein Profil", "Adresse im Profil ändern", "Konto schließen"],
    },
    byExample: [
      ["wo bleibt denn der Schrank", "delivery"],
      ["kann ich die Hosen zurückgeben", "refund"],
      ["wie ändere ich mein Profil", "account"],
    ],
    stranger: "Welche Pilze wachsen im Herbst unter Birken",
  },
  Spanish: {
    keywords: {
      delivery: ["envío", "paquete"],
      refund: ["reembolso", "devolución"],
      account: ["contraseña", "iniciar sesión"],
    },
    byKeyword: [
      ["¿Dónde están mis paquetes?", "delivery"],
      ["Quiero un reembolso", "refund"],
      ["he olvidado la contrasena", "account"],
    ],
    examples: {
      delivery: ["dónde está mi pedido", "el mensajero no ha venido", "cuándo llega la mesa"],
      refund: [
        "quiero devolver los zapatos",
        "dinero de vuelta por la chaqueta",
        "cambiar la talla",
      ],
      account: [
        "no puedo entrar en mi perfil",
        "cambiar mi dirección del perfil",
        "cerrar la cuenta",
      ],
    },
    byExample: [
      ["cuándo llega el mensajero con mi pedido", "delivery"],
      ["puedo devolver la chaqueta", "refund"],
      ["no entro en el perfil", "account"],
    ],
    stranger: "qué setas crecen en otoño bajo los abedules",
  },
  Russian: {
    keywords: {
      delivery: ["доставка", "посылка"],
      refund: ["возврат"],
      account: ["пароль", "личный кабинет"],
    },
    byKeyword: [
      ["где моя посылка", "delivery"],
      ["оформите возврат, пожалуйста", "refund"],
      ["Забыл пароль", "account"],
    ],
    examples: {
      delivery: ["где мой заказ", "курьер не приехал", "когда привезут шкаф"],
      refund: ["хочу вернуть ботинки", "верните деньги за куртку", "обменять размер брюк"],
      account: ["не могу войти в профиль", "сменить адрес в профиле", "удалить учётную запись"],
    },
    byExample: [
      ["когда приедет курьер со шкафом", "delivery"],
      ["можно вернуть куртку", "refund"],
      ["как удалить профиль", "account"],
    ],
    stranger: "какие грибы растут осенью под берёзами",
  },
  Chinese: {
    keywords: { delivery: ["快递", "物流"], refund: ["退款", "退货"], account: ["密码", "登录"] },
    byKeyword: [
      ["我的快递怎么还没到", "delivery"],
      ["请帮我申请退款", "refund"],
      ["忘记密码了", "account"],
    ],
    examples: {
      delivery: ["我的包裹在哪里", "什么时候送货", "送货员没有来"],
      refund: ["我想把鞋子退回去", "把外套的钱还给我", "换一个尺码"],
      account: ["进不去我的账户", "修改账户的地址", "注销账户"],
    },
    byExample: [
      ["送货员什么时候来", "delivery"],
      ["外套可以退回去吗", "refund"],
      ["我的账户进不去了", "account"],
    ],
    stranger: "秋天森林里长什么蘑菇",
  },
  Japanese: {
    keywords: {
      delivery: ["配送", "荷物"],
      refund: ["返金", "返品"],
      account: ["パスワード", "ログイン"],
    },
    byKeyword: [
      ["荷物がまだ届きません", "delivery"],
      ["返金をお願いします", "refund"],
      ["ログインできない", "account"],
    ],
    examples: {
      delivery: ["注文した商品はいつ届きますか", "配達員が来ませんでした", "本棚はいつ届く"],
      refund: ["靴を返したいです", "上着の代金を戻してほしい", "サイズを交換したい"],
      account: ["会員ページに入れません", "会員ページの住所を変更したい", "退会したい"],
    },
    byExample: [
      ["配達員はいつ来ますか", "delivery"],
      ["上着を返したい", "refund"],
      ["会員の住所変更", "account"],
    ],
    stranger: "秋の森にはどんなキノコが生えるの",
  },
  Arabic: {
    keywords: { delivery: ["توصيل", "شحنة"], refund: ["استرداد"], account: ["كلمة المرور"] },
    byKeyword: [
      ["متى يتم توصيل الطلب", "delivery"],
      ["أريد استرداد المبلغ", "refund"],
      ["نسيت كلمة المرور", "account"],
    ],
    examples: {
      delivery: ["أين طلبي", "لم يأت المندوب", "متى تصل الخزانة"],
      refund: ["أريد إرجاع الحذاء", "أعيدوا ثمن السترة", "تبديل مقاس البنطال"],
      account: ["لا أستطيع دخول حسابي", "تغيير العنوان في حسابي", "إغلاق الحساب"],
    },
    byExample: [
      ["متى يأتي المندوب", "delivery"],
      ["هل يمكن إرجاع السترة", "refund"],
      ["كيف أغير عنوان حسابي", "account"],
    ],
    stranger: "ما هي أنواع الفطر التي تنمو في الخريف",
  },
};

describe.each(Object.entries(shops))("%s", (_language, shop) => {
  const named = compile(
    agentOf(),
    desks.map((desk) => subAgentOf(desk, desk, { keywords: [...shop.keywords[desk]] })),
  );
  const taught = compile(
    agentOf({ fallback: "sa_account" }),
    desks.map((desk) => subAgentOf(desk, desk, { examples: [...shop.examples[desk]] })),
  );

  test.each(shop.byKeyword)("%s -> %s, by its keywords", (message, desk) => {
    expect(route(named, { message })).toMatchObject({ choice: `sa_${desk}`, method: "keyword" });
  });

  test.each(shop.byExample)("%s -> %s, by its examples", (message, desk) => {
    const decision = route(taught, { message });

    expect(decision.candidates[0]?.key).toBe(`sa_${desk}`);
    expect(decision.choice).toBe(`sa_${desk}`);
  });

  test("what none of them handles is a doubt, and goes to the fallback without a model", () => {
    expect(route(named, { message: shop.stranger })).toMatchObject({ choice: null });
    expect(route(taught, { message: shop.stranger })).toMatchObject({
      ...{ method: "doubt", choice: "sa_account", intent: "out_of_scope" },
    });
  });
});
