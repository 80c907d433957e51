// Limits of the Responses protocol; README.md of this surface says them.

/** Limits. */
export const responseLimits = {
  /** Items of one input. */
  items: 2_000,
  /** Parts of one message. */
  parts: 200,
  /** Characters of one text. */
  textChars: 1_000_000,
  /** Bytes of what a stored response keeps of its request, as JSON. */
  keptBytes: 400_000,
  /** Bytes of that, and of all messages that a model is given, the chain's among them, as JSON. */
  requestBytes: 900_000,
  /** Responses that one goes on from. */
  chain: 100,
  /** Pairs of `metadata`, characters of a key and of a value, as OpenAI has them. */
  metadataPairs: 16,
  metadataKeyChars: 64,
  metadataValueChars: 512,
  /** Items in one page of `input_items`. */
  pageItems: 100,
  pageItemsDefault: 20,
} as const;
