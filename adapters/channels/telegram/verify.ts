// Whether an update comes from Telegram: it sends the word that setWebhook was told. There is no signature
// and no time: what is sent twice is known by its update_id.

import { isSameWord } from "../../signature.ts";

/** Whether the header is one of the words. */
export function isFromTelegram(header: string | undefined, secrets: readonly string[]): boolean {
  if (header === undefined || header === "") return false;
  let isRight = false;
  for (const secret of secrets) if (isSameWord(header, secret)) isRight = true;
  return isRight;
}
