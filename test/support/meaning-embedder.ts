// An embedder named `meaning` in a product's troupe.yaml: that of the fake provider. Vectors are not
// remembered, so that every embedding is a call.

/** The text of the file. */
export const meaningEmbedder = `embedding:
  cache_mib: 0
embedders:
  - name: meaning
    kind: openai
    provider: openai
    model: small
    dimension: 64
`;
