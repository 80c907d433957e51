// The built-in answerer on real paragraphs: it quotes what answers, cites it, and admits the rest.

import { expect, test } from "vitest";
import { extractAnswer } from "../../../actors/answer/extract.ts";
import type { Passage } from "../../../actors/knowledge/search.ts";
import type { Grounding } from "../../../actors/ports.ts";
import { noScores } from "../../support/find.ts";

const exporting = `## Exporting your data

You can export everything from Settings → Data → Export. The export contains all your records as JSON, e.g. invoices and contacts. Large exports are sent by e-mail as soon as they are ready.

Deleted records are kept for 30 days.`;

const refunds = `Refunds are paid back to the card that was charged within five working days. A refund can be requested up to 14 days after the purchase. Shipping costs are not refunded.`;

const installing = `# Installation

To install the server, run these commands:

\`\`\`
npm ci
npm start
\`\`\`

The server needs Node 20 or newer.`;

const kündigung = `Sie können Ihr Abonnement jederzeit zum Monatsende kündigen. Die Kündigung erfolgt in den Einstellungen unter "Abonnement". Bereits bezahlte Beträge werden nicht erstattet.`;

const passage = (text: string, at: number, title = "Handbook"): Passage => ({
  documentId: `dc_${at}`,
  documentTitle: title,
  chunkId: `c${at}`,
  collection: "cl_1",
  text,
  headings: [],
  span: [0, text.length],
  ...noScores,
  metadata: {},
});

const grounded = (
  question: string,
  texts: string[] = [],
  more: Partial<Grounding> = {},
): Grounding => ({
  question,
  passages: texts.map((text, at) => passage(text, at)),
  usesCollection: texts.length > 0,
  texts: [],
  examples: [],
  offers: ["billing", "technical questions"],
  agentName: "Docs Agent",
  ...more,
});

const all = [refunds, exporting, installing, kündigung];

test("it quotes the sentences that answer, and cites their passage by its number", () => {
  const { text, cited, kind } = extractAnswer(grounded("How do I export my data?", all));

  expect(text).toContain("You can export everything from Settings → Data → Export.");
  expect(text).toContain("[2]");
  expect(text).not.toContain("Refunds");
  expect(cited).toEqual([2]);
  expect(kind).toBe("passages");
});

test("it finds inflected words and ignores the small ones", () => {
  const { text } = extractAnswer(grounded("Until when can I get refunded for a purchase?", all));

  expect(text).toContain("A refund can be requested up to 14 days after the purchase.");
});

test("a sentence that announces something brings what it announces", () => {
  const { text } = extractAnswer(grounded("How do I install the server?", all));

  expect(text).toContain("run these commands:");
  expect(text).toContain("npm ci\nnpm start");
});

test("it answers in the language of the passages", () => {
  const { text, cited } = extractAnswer(grounded("Wie kann ich mein Abonnement kündigen?", all));

  expect(text).toContain("jederzeit zum Monatsende kündigen");
  expect(cited).toEqual([4]);
});

test("every sentence of an answer stands in its passages", () => {
  const questions = [
    "export data",
    "refund working days",
    "Kündigung Einstellungen",
    "Node version",
  ];

  for (const question of questions) {
    const { text } = extractAnswer(grounded(question, all));
    const source = all.join("\n").replace(/\s+/g, " ");
    for (const part of text.split(/ \[\d+\]\s?/).filter((one) => one !== "")) {
      for (const sentence of part.split(/(?<=\.)\s/)) {
        expect(source).toContain(sentence.replace(/\s+/g, " "));
      }
    }
  }
});

test.each([
  ["What is the capital of Peru?", "I found nothing"],
  ["Was kostet ein Flug nach Lima und wie buche ich ihn?", "nichts gefunden"],
  ["¿Cuál es la capital del Perú?", "No he encontrado nada"],
  ["Quelle est la capitale du Pérou ?", "Je n'ai rien trouvé"],
  ["Qual è la capitale del Perù?", "Non ho trovato nulla"],
  ["Qual é a capital do Peru e onde fica isso?", "Não encontrei nada"],
  ["Jak się nazywa stolica Peru?", "Nie znalazłem nic"],
  ["Wat is de hoofdstad van Peru?", "niets gevonden"],
  ["Как называется столица Перу?", "ничего не нашлось"],
  ["秘鲁的首都是哪里？", "没有找到"],
  ["ペルーの首都はどこですか", "見つかりませんでした"],
])("it admits in the asker's language that nothing is relevant: %s", (question, words) => {
  const { text, kind, cited } = extractAnswer(grounded(question, [refunds]));

  expect(text).toContain(words);
  expect([kind, cited]).toEqual(["nothing", []]);
});

test("a collection without any hit is no reason to use the agent's own texts", () => {
  const grounding = grounded("Where is the export?", [], {
    usesCollection: true,
    texts: ["The export is in the settings."],
  });

  expect(extractAnswer(grounding).kind).toBe("nothing");
});

test.each([
  ["What can you do?", "Hello! I am Docs Agent. I can help with: billing, technical questions."],
  ["hi there!", "Hello! I am Docs Agent. I can help with: billing, technical questions."],
  ["Guten Tag", "Hallo! Ich bin Docs Agent. Ich kann helfen bei: billing, technical questions."],
  ["thank you very much", "You are welcome."],
  ["你好", "您好！我是Docs Agent。我可以帮助您：billing、technical questions。"],
])("small talk is answered with what the agent offers: %s", (question, answer) => {
  expect(extractAnswer(grounded(question, all)).text).toBe(answer);
});

test("a greeting before a question is no small talk", () => {
  const { kind } = extractAnswer(grounded("Hello, how do I export my data?", all));

  expect(kind).toBe("passages");
});

test("without a collection a known example answers, then the agent's own texts, then nobody", () => {
  const own = {
    examples: [{ input: "Where can I see my invoices?", output: "Under Billing → Invoices." }],
    texts: ["Be friendly. Payment by card or bank transfer is possible for every plan."],
  };

  const example = extractAnswer(grounded("Where do I see my invoice?", [], own));
  const text = extractAnswer(grounded("Is payment by bank transfer possible?", [], own));
  const none = extractAnswer(grounded("Why is the sky blue?", [], own));

  expect(example).toMatchObject({ text: "Under Billing → Invoices.", kind: "example" });
  expect(text.text).toBe("Payment by card or bank transfer is possible for every plan.");
  expect(none.text).toBe(
    "I have no text that answers that. I can help with: billing, technical questions.",
  );
});

test("a huge passage without any line end costs little", () => {
  const before = performance.now();

  extractAnswer(grounded("export data", ["a".repeat(200_000), `${"word. ".repeat(20_000)}`]));

  expect(performance.now() - before).toBeLessThan(10_000);
});

test("of a table the one row that answers is quoted, not the table", () => {
  const table = [
    "| variable | default | |",
    "|---|---|---|",
    "| `APP_PORT` | 8080 | port to listen on |",
    "| `APP_DATA` | ./data | folder of everything that is stored |",
  ].join("\n");

  const { text } = extractAnswer(grounded("Where is everything stored?", [table]));

  expect(text).toBe("`APP_DATA` | ./data | folder of everything that is stored [1]");
});

test("a quoted block of code stands on lines of its own", () => {
  const page = "Start the server with this command:\n\n```sh\nnpm start\n```\n";

  const { text } = extractAnswer(grounded("How do I start the server?", [page]));

  expect(text).toBe("Start the server with this command:\n\n```\nnpm start\n```\n\n[1]");
});

test("the sentence that begins with what was asked about comes before others that name it", () => {
  const page = "Settings of Acme stand in `acme.yaml`. Acme is a shop for anvils.";

  const { text } = extractAnswer(grounded("What is Acme?", [page]));

  expect(text).toBe("Acme is a shop for anvils. [1]");
});

const settings = [
  "| setting | default | |",
  "|---|---|---|",
  "| `name` |  | Name under which an agent asks for the printer. |",
  "| `kind` | local | `local` prints here, `remote` asks a printer with `/print`. |",
  "| `pages_max` | 40 | Longest job, in pages. |",
].join("\n");

test("prose that covers a question better comes before the rows of the passage above it", () => {
  const guide = { ...passage("Connect the cable and switch it on.", 1), headings: ["The printer"] };

  const { text, cited } = extractAnswer({
    ...grounded("How do I connect a printer?"),
    passages: [passage(settings, 0), guide, passage("A connected lamp glows. It connects.", 2)],
  });

  expect(text).toMatch(/^Connect the cable and switch it on\. \[2\]/);
  expect(text).not.toContain("|");
  expect(cited[0]).toBe(2);
});

test("within one passage too, prose that answers comes before a row with the same words", () => {
  const page = `${settings}\n\nA remote printer asks for a password.`;

  const { text } = extractAnswer(grounded("What does a remote printer ask for?", [page]));

  expect(text).toBe("A remote printer asks for a password. [1]");
});

test.each(["What is the default of pages_max?", "What does pages_max do?", "How many pages max?"])(
  "a row is the answer to a question about what stands in its first cell: %s",
  (question) => {
    const guide = "Pages come out in order, a minute gives max forty.";

    const { text } = extractAnswer(grounded(question, [settings, guide]));

    expect(text).toMatch(/^`pages_max` \| 40 \| Longest job, in pages\. \[1\]/);
  },
);

test("a row is known by its columns too, also where its table began in the chunk before", () => {
  const prices = passage("| part | price |\n|---|---|\n| tray | 12 EUR |", 0);
  const rows = passage("| tray | upper |\n| lamp | on |", 1);

  const { text } = extractAnswer({
    ...grounded("What is the default tray?"),
    passages: [prices, { ...rows, context: "| setting | default |" }],
  });

  expect(text).toMatch(/^tray \| upper \[2\]/);
});

test("what is announced counts for the sentence that announces it", () => {
  const trouble = "The server does not come up because its port is in use. Start another one.";
  const start = "## Starting\n\nThis runs the server:\n\n```sh\nacme start\n```\n";

  const { text } = extractAnswer(grounded("How do I start the server?", [trouble, start]));

  expect(text).toMatch(/^This runs the server:\n\n```\nacme start\n```\n\n\[2\]/);
});

test("code that only shares a word with the question does not come before a sentence on it", () => {
  const code = "```js\nlist.add(counter);\nlist.add(timer);\n```";
  const guide = "A document is uploaded in the browser.";

  const { text } = extractAnswer(grounded("How do I add a document?", [code, guide]));

  expect(text).toBe("A document is uploaded in the browser. [2]");
});

test("a plural of the question is found in the singular", () => {
  const { text } = extractAnswer(
    grounded("Which providers are there?", ["Every provider has a name. Names are short."]),
  );

  expect(text).toBe("Every provider has a name. [1]");
});

test("a sentence that begins with an article and the one thing asked about says what it is", () => {
  const page = "Anything thrown in a turn is a fault. A turn is a transaction.";

  const { text } = extractAnswer(grounded("What is a turn?", [page]));

  expect(text).toBe("A turn is a transaction. [1]");
});

test("a long block of code is cut inside its fences", () => {
  const page = `Run this to start:\n\n\`\`\`sh\n${"start one\n".repeat(200)}\`\`\`\n`;

  const { text } = extractAnswer(grounded("How do I start?", [page]));

  expect(text).toMatch(/\n```\n\n\[1\]$/);
  expect(text.length).toBeLessThan(1_000);
});
