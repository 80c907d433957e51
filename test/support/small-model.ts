// A small model folder as it comes from the hub: an encoder with random weights, a WordPiece tokenizer
// and the configuration files beside them. What it says means nothing; that it loads and runs does.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encoderFile } from "./onnx-graph.ts";

/** What differs between models. */
export interface SmallModel {
  /** Default 32, in 4 heads. */
  readonly hidden?: number;
  /** Default 2. */
  readonly layers?: number;
  /** Positions, and so tokens of a text. Default 64. */
  readonly positions?: number;
  readonly pooling?: "mean" | "cls";
  /** `1_Pooling` and its like are left out. */
  readonly isBare?: boolean;
  readonly prompts?: Readonly<Record<string, string>>;
  readonly seed?: number;
  /** A cross-encoder with so many labels. */
  readonly labels?: number;
}

const words =
  "the an of to in is and how do export my data invoice cancel order refund weather flight paris berlin question answer collection search document".split(
    " ",
  );

/** The tokenizer's words: pieces are one letter. */
function vocabulary(): Record<string, number> {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789".split("");
  const all = [
    ...["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    ...letters,
    ...letters.map((letter) => `##${letter}`),
    ..."?!.,:;-()'".split(""),
    ...words,
  ];
  return Object.fromEntries(all.map((word, at) => [word, at]));
}

const special = (id: string, type_id = 0) => ({ SpecialToken: { id, type_id } });

function tokenizer(vocab: Record<string, number>): unknown {
  const token = (id: string) => ({ id, ids: [vocab[id]], tokens: [id] });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map((content, id) => ({
      ...{ id, content, special: true },
      ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [special("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, special("[SEP]")],
      pair: [
        ...[special("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, special("[SEP]")],
        ...[{ Sequence: { id: "B", type_id: 1 } }, special("[SEP]", 1)],
      ],
      special_tokens: { "[CLS]": token("[CLS]"), "[SEP]": token("[SEP]") },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/** Every file of the model, by its path in the folder. */
export function smallModelFiles(model: SmallModel = {}): Record<string, Buffer> {
  const { hidden = 32, layers = 2, positions = 64, pooling = "mean", seed = 1, labels } = model;
  const vocab = vocabulary();
  const shape = { hidden, heads: 4, layers, vocabulary: Object.keys(vocab).length, positions };
  const head = labels === undefined ? {} : { labels };
  const config = {
    model_type: "bert",
    architectures: [labels === undefined ? "BertModel" : "BertForSequenceClassification"],
    ...(labels !== undefined && {
      id2label: Object.fromEntries(Array.from({ length: labels }, (_, at) => [at, `LABEL_${at}`])),
    }),
    hidden_size: hidden,
    num_attention_heads: 4,
    num_hidden_layers: layers,
    intermediate_size: hidden * 4,
    vocab_size: shape.vocabulary,
    max_position_embeddings: positions,
    type_vocab_size: 2,
    pad_token_id: 0,
  };
  const json: Record<string, unknown> = {
    "config.json": config,
    "tokenizer.json": tokenizer(vocab),
    "tokenizer_config.json": {
      tokenizer_class: "BertTokenizer",
      model_max_length: 512,
      do_lower_case: true,
      ...{ pad_token: "[PAD]", unk_token: "[UNK]", cls_token: "[CLS]", sep_token: "[SEP]" },
    },
  };
  if (model.isBare !== true) {
    json["1_Pooling/config.json"] = {
      word_embedding_dimension: hidden,
      pooling_mode_cls_token: pooling === "cls",
      pooling_mode_mean_tokens: pooling === "mean",
    };
    json["sentence_bert_config.json"] = { max_seq_length: positions - 16, do_lower_case: false };
  }
  if (model.prompts) json["config_sentence_transformers.json"] = { prompts: model.prompts };
  const texts = Object.entries(json).map(([path, value]): [string, Buffer] => [
    path,
    Buffer.from(JSON.stringify(value, null, 1)),
  ]);
  return {
    ...Object.fromEntries(texts),
    "onnx/model.onnx": encoderFile({ ...shape, ...head }, "fp32", seed),
    "onnx/model_quantized.onnx": encoderFile({ ...shape, ...head }, "q8", seed),
  };
}

/** Writes the model to `folder`. */
export function writeSmallModel(folder: string, model: SmallModel = {}): void {
  for (const [path, bytes] of Object.entries(smallModelFiles(model))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}
