// The compute pool's function that cuts a text to what an embedder takes: counting the tokens of a long
// text is work of milliseconds, and a vocabulary of megabytes is loaded for it.

import type { TokenizerSpec } from "../../actors/ports.ts";
import { loadTokenizer } from "./tokenizers.ts";

/** A text that may be too long. */
export interface CutInput {
  readonly tokenizer: TokenizerSpec;
  readonly text: string;
  readonly tokensMax: number;
}

/** Characters a token can stand for, at most; the rest of a longer text is not looked at. */
const TOKEN_CHARS_MAX = 32;

/** The longest beginning of a text that is no longer than `tokensMax`: how many characters. */
export async function cutText(input: unknown): Promise<number> {
  const { tokenizer, text, tokensMax } = input as CutInput;
  const { count } = await loadTokenizer(tokenizer);
  const fits = (chars: number): boolean => count(text.slice(0, chars)) <= tokensMax;
  let most = Math.min(text.length, tokensMax * TOKEN_CHARS_MAX);
  if (fits(most)) return most;
  let least = 0;
  while (most - least > 1) {
    const middle = (least + most) >> 1;
    if (fits(middle)) least = middle;
    else most = middle;
  }
  return least;
}
