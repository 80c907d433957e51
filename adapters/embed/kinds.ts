// The words in which local models are described. Read with the configuration, so nothing heavier is here.

/** Name of the embedder that is always there. */
export const BUILTIN = "builtin";

/** How a model's numbers may be stored; q8 is a quarter of fp32 and twice as fast. */
export const dtypes = ["fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4"] as const;
export type Dtype = (typeof dtypes)[number];

/** How the vectors of a text's tokens become one. */
export const poolings = ["mean", "cls", "last"] as const;
export type Pooling = (typeof poolings)[number];
