// What a confidence means: a calibrated probability, a threshold, and messages meant for nobody.

import { describe, expect, test } from "vitest";
import { probabilityOf } from "../../../actors/routing/calibration.ts";
import { compile } from "../../../actors/routing/compile.ts";
import { route } from "../../../actors/routing/router.ts";
import { agentOf, subAgentOf } from "./supervisors.ts";

const library = [
  subAgentOf("loans", "Loans", {
    examples: [
      "how long may i keep a book",
      "renew what i have borrowed",
      "i want to borrow two novels",
      "when must these be back",
      "extend my loan by a week",
      "can i take a dictionary home",
    ],
  }),
  subAgentOf("rooms", "Reading rooms", {
    examples: [
      "is there a quiet place to study",
      "book a group room for friday",
      "which rooms have a screen",
      "my reservation of the small room",
      "are desks free in the evening",
      "cancel the study room",
    ],
  }),
  subAgentOf("fines", "Fines", {
    examples: [
      "why do i owe five euros",
      "pay what i owe for the late return",
      "the fee is wrong",
      "i lost a book, what does it cost",
      "how high is the fine for a day",
      "dispute a fee",
    ],
  }),
];
const right = [
  ["may i keep the novels longer", "loans"],
  ["renew my loan", "loans"],
  ["a quiet room for our group", "rooms"],
  ["which desks are free on friday", "rooms"],
  ["why is the fee so high", "fines"],
  ["pay the fine", "fines"],
] as const;
const strangers = [
  "do hedgehogs hibernate underground",
  "convert seven miles to kilometres",
  "sing something by schubert",
  "my bicycle has a flat tyre",
  "сколько весит слон",
  "今天会下雨吗",
];

describe("with examples", () => {
  const router = compile(agentOf(), library);

  test.each(right)("%s -> %s, above the threshold that stands in the decision", (message, key) => {
    const decision = route(router, { message });

    expect(decision).toMatchObject({ choice: `sa_${key}`, method: "semantic" });
    expect(decision.confidence).toBeGreaterThanOrEqual(decision.threshold);
  });

  test.each(strangers)("below it the supervisor keeps it: %s", (message) => {
    const decision = route(router, { message });

    expect(decision).toMatchObject({ choice: null, method: "doubt", intent: "out_of_scope" });
    expect(decision.confidence).toBeLessThan(decision.threshold);
  });

  test("that anybody is meant is likelier for every message of theirs than for any stranger's", () => {
    const inScope = (message: string): number => route(router, { message }).inScope;
    const least = Math.min(...right.map(([message]) => inScope(message)));

    expect(least).toBeGreaterThan(0.5);
    for (const message of strangers) expect(inScope(message)).toBeLessThan(0.5);
  });

  test("small talk is the supervisor's until a sub-agent has an example of it", () => {
    const porter = subAgentOf("porter", "Porter", {
      examples: ["hello", "good evening to you", "hi there", "hey, good morning"],
    });

    expect(route(router, { message: "good morning" })).toMatchObject({ choice: null });
    expect(
      route(compile(agentOf(), [...library, porter]), { message: "good morning" }),
    ).toMatchObject({ choice: "sa_porter" });
  });

  test("a fallback takes what is below the threshold", () => {
    const fallen = compile(agentOf({ fallback: "sa_rooms" }), library);

    for (const message of strangers) {
      expect(route(fallen, { message })).toMatchObject({ choice: "sa_rooms", method: "doubt" });
    }
  });

  test("shares never add up to more than 1", () => {
    for (const message of [...right.map(([text]) => text), ...strangers]) {
      const sum = route(router, { message }).candidates.reduce((all, one) => all + one.score, 0);
      expect(sum).toBeLessThanOrEqual(1.005);
    }
  });

  test("a keyword beside examples helps and does not overrule them", () => {
    const worded = library.map((one) =>
      one.sub_agent_key === "sa_fines"
        ? { ...one, trigger: { ...one.trigger, keywords: ["book", "invoice"] } }
        : one,
    );
    const both = compile(agentOf(), worded);

    expect(route(both, { message: "renew the book i have borrowed" }).choice).toBe("sa_loans");
    expect(route(both, { message: "an invoice" })).toMatchObject({ choice: "sa_fines" });
  });
});

describe("nobody is meant", () => {
  const fallen = compile(agentOf({ fallback: "sa_rooms" }), library);
  const open = compile(agentOf(), library);

  test.each([
    "when is the train to berlin",
    "which of the two penguins on the balcony is a better dentist",
  ])("a doubt goes where the likelier is, not to the best of the wrong ones: %s", (message) => {
    expect(route(open, { message })).toMatchObject({ choice: null, intent: "out_of_scope" });
    expect(route(fallen, { message })).toMatchObject({
      choice: "sa_rooms",
      intent: "out_of_scope",
    });
  });

  test("the decision says how likely it is that anybody is meant", () => {
    const { inScope, reason } = route(open, { message: "do hedgehogs hibernate underground" });

    expect(inScope).toBeLessThan(0.5);
    expect(reason).toContain(String(inScope));
  });
});

describe("after a turn that fines answered", () => {
  const router = compile(agentOf({ fallback: "sa_rooms" }), library);
  const before = { previous: "why is the fee so high", previousChoice: "sa_fines" };

  test.each([
    "and for last month?",
    "why that?",
    "what about december",
    "ok",
    "und im März?",
    "那上个月呢",
  ])("a short follow-up stays there: %s", (message) => {
    expect(route(router, { message, ...before }).choice).toBe("sa_fines");
  });

  test.each(["do hedgehogs hibernate", "convert miles to kilometres", "capital of Mongolia?"])(
    "a short message of its own does not: %s",
    (message) => {
      expect(route(router, { message, ...before }).choice).toBe("sa_rooms");
    },
  );

  test("what another one clearly handles goes there", () => {
    expect(route(router, { message: "renew my loan", ...before }).choice).toBe("sa_loans");
    expect(route(router, { message: "and renew my loan", ...before }).choice).toBe("sa_loans");
  });
});

describe("the curve", () => {
  const evidence = { score: 0.5, lead: 0.3, share: 0.9, known: 0.9, choices: 10 };

  test("rises with the score's lead and falls with strangeness", () => {
    const sure = probabilityOf(evidence);

    expect(sure).toBeGreaterThan(0.85);
    expect(probabilityOf({ ...evidence, lead: 0.01, share: 0.2 })).toBeLessThan(sure - 0.2);
    expect(
      probabilityOf({ score: 0.02, lead: 0.01, share: 0.2, known: 0.3, choices: 10 }),
    ).toBeLessThan(0.1);
  });

  test("stays a probability whatever the scores", () => {
    for (const score of [-3, 0, 1e-9, 1, 40]) {
      const made = probabilityOf({ score, lead: 0, share: 1, known: 1, choices: 1 });
      expect(made).toBeGreaterThanOrEqual(0);
      expect(made).toBeLessThanOrEqual(1);
    }
  });
});

describe("any language, by examples alone", () => {
  const shop = compile(agentOf(), [
    subAgentOf("zh1", "配送", {
      examples: ["我的包裹到哪里了", "什么时候发货", "快递还没有送到", "查询物流信息"],
    }),
    subAgentOf("ru1", "Возврат", {
      examples: [
        "как вернуть товар",
        "хочу сдать покупку обратно",
        "деньги за возврат не пришли",
        "обменять размер",
      ],
    }),
    subAgentOf("de1", "Lager", {
      examples: [
        "ist der Wohnzimmerschrank vorrätig",
        "wann kommt das Bücherregal wieder rein",
        "Lagerbestand prüfen",
        "gibt es den Schreibtisch noch",
      ],
    }),
  ]);

  test.each([
    ["我的快递什么时候到", "zh1"],
    ["包裹的物流在哪里", "zh1"],
    ["можно ли вернуть покупки", "ru1"],
    ["когда придут деньги за возвращённый товар", "ru1"],
    ["sind Bücherregale vorrätig", "de1"],
    ["habt ihr noch Wohnzimmerschränke", "de1"],
  ])("%s -> %s", (message, key) => {
    expect(route(shop, { message }).candidates[0]?.key).toBe(`sa_${key}`);
  });
});
