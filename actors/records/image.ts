// Images in messages. Nothing here is fetched: a provider does that, or is given the data.

/** A picture in a message of the user; providers' wires say it in their own way. */
export interface ImageRef {
  /**
   * `https:` for the provider to fetch, or `data:image/...;base64,`; of a picture of the conversation its
   * `pictureUrl`, which the port of models gives the bytes for.
   */
  readonly url: string;
  readonly detail?: "auto" | "low" | "high";
  /** JSON pointer to where it stood in the request. */
  readonly pointer?: string;
}
