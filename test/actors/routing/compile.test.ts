// Building a router: the same records give the same router, however and wherever it is built, and
// nothing long is done on the calling thread.

import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { describe, expect, test, vi } from "vitest";
import type { SubAgent } from "../../../actors/records/sub-agent.ts";
import { classifierOf, trainingInputOf } from "../../../actors/routing/classifier.ts";
import {
  type Aside,
  compile,
  compileAside,
  compileLimits,
} from "../../../actors/routing/compile.ts";
import { partOf } from "../../../actors/routing/parts.ts";
import { route } from "../../../actors/routing/router.ts";
import {
  type TrainingInput,
  trainWeights,
  type Weights,
} from "../../../actors/routing/training.ts";
import { trainRouter } from "../../../adapters/compute-tasks.ts";
import { agentOf, subAgentOf } from "./supervisors.ts";

const SUBJECTS = "boats cheese tunnels violins glaciers orchards lanterns beetles harbours comets";
const SHAPES = [
  "tell me how SUBJECT are made",
  "why are SUBJECT so expensive",
  "who sells old SUBJECT near here",
  "i lost two of my SUBJECT yesterday",
  "compare SUBJECT with what my aunt has",
  "SUBJECT please, three of them",
];

/** Ten desks with six examples each, different for every test by `salt`. */
function desks(salt: string): SubAgent[] {
  return SUBJECTS.split(" ").map((subject, at) =>
    subAgentOf(`d${at}`, `Desk ${subject}`, {
      examples: SHAPES.map((shape) => `${shape.replace("SUBJECT", subject)} ${salt}`),
    }),
  );
}

function counting(): Aside & { inputs: TrainingInput[]; pauses: number } {
  const aside = {
    inputs: [] as TrainingInput[],
    pauses: 0,
    train: async (input: TrainingInput) => {
      aside.inputs.push(input);
      return trainWeights(structuredClone(input));
    },
    pause: async () => {
      aside.pauses += 1;
    },
  };
  return aside;
}

const probes = [
  "how are violins made",
  "my harbours are lost",
  "glacier prices",
  "what is the capital of Peru",
  "beetles and comets",
];
const answers = (router: ReturnType<typeof compile>) =>
  probes.map((message) => route(router, { message }));

describe("equal records give an equal router", () => {
  test("built aside or at once", async () => {
    const aside = counting();
    const there = await compileAside(agentOf(), desks("red"), aside);

    expect(aside.inputs).toHaveLength(1);
    expect(answers(compile(agentOf(), desks("red")))).toEqual(answers(there));
  });

  test("bit for bit, trained twice and after other things", () => {
    const input = { owners: 2, texts: [..."abcdefgh"].map((text, n) => ({ text, owner: n % 2 })) };
    const first = trainWeights(input);
    trainWeights({ owners: 3, texts: [{ text: "another thing", owner: 2 }] });

    expect(trainWeights(input)).toEqual(first);
  });

  test("after a sub-agent was added and after it was removed again", async () => {
    const aside = counting();
    const nine = desks("blue").slice(0, 9);
    const before = answers(await compileAside(agentOf(), nine, aside));
    const more = await compileAside(agentOf(), desks("blue"), aside);

    expect(route(more, { message: "how are comets made" }).choice).toBe("sa_d9");
    expect(answers(more)).toEqual(answers(compile(agentOf(), desks("blue"))));
    expect(answers(await compileAside(agentOf(), nine, aside))).toEqual(before);
  });
});

describe("a change of one sub-agent", () => {
  const stepsOf = (subAgent: SubAgent): number => {
    const steps = partOf(subAgent);
    let count = 0;
    while (steps.next().done !== true) count += 1;
    return count;
  };

  test("reads its texts and nobody else's", () => {
    const [first, second] = desks("gold");
    if (first === undefined || second === undefined) throw new Error("There are ten.");
    expect(stepsOf(first)).toBeGreaterThan(5);
    expect(stepsOf(second)).toBeGreaterThan(5);

    const again = { ...first, trigger: { ...first.trigger }, priority: 3, model_name: "other" };
    const changed = { ...second, trigger: { examples: ["something else"] } };
    expect(stepsOf(again)).toBe(0);
    expect(stepsOf(changed)).toBeGreaterThan(0);
  });

  test("changes no weight by the way there: in whatever order others came and went", () => {
    const ten = desks("silver");
    const nine = ten.slice(1);
    compile(agentOf(), nine);
    compile(agentOf(), ten);
    const input = trainingInputOf(nine);
    const other = trainingInputOf([...ten].reverse());
    if (input === undefined || other === undefined) throw new Error("There is enough.");
    const weights = trainWeights(input);
    trainWeights(other);

    expect(trainWeights(input)).toEqual(weights);
  });

  test("hands the weights over in memory that threads share, the same to the bit", async () => {
    const input = trainingInputOf(desks("tin"));
    if (input === undefined) throw new Error("There is enough.");
    const weights = trainRouter(structuredClone(input));
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(weights);
    const [received] = (await once(port2, "message")) as [Weights];
    port1.close();

    expect(received).toEqual(trainWeights(input));
    for (const array of [received.values, received.columns, received.table, received.rarity]) {
      expect(array.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
    // One memory and not a copy: what one side writes the other reads.
    const [first = 0] = weights.values;
    weights.values[0] = 7;
    expect(received.values[0]).toBe(7);
    weights.values[0] = first;
    expect(classifierOf(received).classify("how are violins made").shares[3]).toBeGreaterThan(0.2);
  });
});

describe("the calling thread", () => {
  test("does not train what is more than a moment's work", async () => {
    const aside = counting();
    const texts = desks("green").reduce(
      (sum, one) => sum + (one.trigger?.examples?.length ?? 0),
      0,
    );
    await compileAside(agentOf(), desks("green"), aside);

    expect(texts).toBeGreaterThan(compileLimits.inlineTexts);
    expect(aside.inputs).toHaveLength(1);
  });

  test("trains the same triggers once, whatever else a version changes", async () => {
    const aside = counting();
    await Promise.all([
      compileAside(agentOf(), desks("grey"), aside),
      compileAside(agentOf(), desks("grey"), aside),
    ]);
    const renewed = desks("grey").map((one) => ({ ...one, model_name: "other", priority: 7 }));
    await compileAside(agentOf({ max_routes: 1 }), renewed, aside);

    expect(aside.inputs).toHaveLength(1);
  });

  test("pauses while it builds the indexes of many sub-agents", async () => {
    const aside = counting();
    const many = Array.from({ length: 300 }, (_, at) =>
      subAgentOf(`m${at}`, `Topic ${at}`, {
        keywords: Array.from({ length: 20 }, (_, n) => `keyword${at} number${n}`),
        description: `Routes when the user asks about subject${at} and its neighbours.`,
      }),
    );
    await compileAside(agentOf(), many, aside);

    expect(aside.pauses).toBeGreaterThan(0);
  });

  test("pauses while it reads what to train on", async () => {
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now++);
    const aside = counting();
    let pausesBefore = 0;
    const train = (input: TrainingInput): Promise<Weights> => {
      pausesBefore = aside.pauses;
      return aside.train(input);
    };
    await compileAside(agentOf(), desks("slow"), { ...aside, train, pause: aside.pause });
    clock.mockRestore();

    // Ten sub-agents are read, a millisecond each, and three are a slice.
    expect(pausesBefore).toBe(2);
  });

  test("pauses within one sub-agent of many examples too", async () => {
    const aside = counting();
    const words = Array.from({ length: 3_000 }, (_, at) => `word${at * 7_919}ing`);
    const examples = Array.from({ length: 60 }, (_, at) => {
      return words.slice(at * 50, at * 50 + 50).join(" ");
    });
    await compileAside(agentOf(), [subAgentOf("long", "Long", { examples })], aside);

    expect(aside.pauses).toBeGreaterThan(3);
  });

  test("decides the same when the pool is full: it trains then", async () => {
    const full: Aside = { ...counting(), train: () => Promise.reject(new Error("full")) };
    const router = await compileAside(agentOf(), desks("full"), full);

    expect(answers(router)).toEqual(answers(compile(agentOf(), desks("full"))));
  });
});

test("two tenants' texts that were made to have one short hash train each its own router", () => {
  // Found in a minute for the 64 bits of FNV-1a that once told trained weights apart.
  const crafted = {
    parcel: `parcel tracking ${String.fromCharCode(26_651, 31_876, 34_598, 20_480)}`,
    invoice: `invoice payment ${String.fromCharCode(21_763, 20_942, 29_244, 21_907)}`,
  };
  const desksOf = (text: string): SubAgent[] => [
    subAgentOf("a", "Access", { examples: ["reset my password", "the login fails"] }),
    subAgentOf("b", "Sales", { examples: ["where is my order", text] }),
  ];

  const [parcel, invoice] = [crafted.parcel, crafted.invoice].map((text) =>
    compile(agentOf(), desksOf(text)),
  );

  for (const [router, word, text] of [
    [parcel, "parcel", crafted.parcel],
    [invoice, "invoice", crafted.invoice],
  ] as const) {
    const input = trainingInputOf(desksOf(text));
    if (input === undefined) throw new Error("These are enough texts to be trained on.");
    const alone = classifierOf(trainWeights(input)).classify(word);
    expect(router?.classifier?.classify(word)).toEqual(alone);
  }
});
