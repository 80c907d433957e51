// What is no text is taken out of one before it is stored: control characters, halves of surrogate pairs.

import type { Inbound } from "../../../actors/channels/inbound.ts";
import { wellFormed } from "../hidden-secrets.ts";
import type { Middleware } from "./middleware.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ODD = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\p{Surrogate}]/u;

/** Hands on the event with a clean text; the event itself where it was clean. */
export const cleanText: Middleware = (event, _context, next) => next(cleaned(event));

function cleaned(event: Inbound): Inbound {
  if (!("text" in event) || !ODD.test(event.text)) return event;
  return { ...event, text: wellFormed(event.text.replace(CONTROLS, "")) };
}
