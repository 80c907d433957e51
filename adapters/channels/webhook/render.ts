// An answer as what a program is told of it: Markdown as the model wrote it, buttons and files as data.

import type { Button, Outgoing, OutgoingFile, Part } from "../../../actors/channels/outgoing.ts";
import { markdownParts } from "../markdown-parts.ts";
import { webhookLimits } from "./limits.ts";

/** A part's body. */
export interface WebhookPart {
  readonly text: string;
  /** 1, 2, ... of `parts`. */
  readonly part: number;
  readonly parts: number;
  readonly answers: string | null;
  readonly replaces: string | null;
  readonly buttons: readonly Pick<Button, "action" | "label">[];
  readonly files: readonly OutgoingFile[];
}

/** Parts of an answer: one, unless its text is very long. Buttons and files go with the last. */
export function renderWebhook(outgoing: Outgoing): readonly Part[] {
  const texts = markdownParts(outgoing.text, webhookLimits.textChars);
  return texts.map((text, index) => {
    const isLast = index === texts.length - 1;
    const body: WebhookPart = {
      text,
      part: index + 1,
      parts: texts.length,
      answers: outgoing.answers ?? null,
      replaces: outgoing.replaces?.id ?? null,
      buttons: isLast
        ? (outgoing.buttons ?? []).map(({ action, label }) => ({ action, label }))
        : [],
      files: isLast ? (outgoing.files ?? []) : [],
    };
    return { body: { ...body }, plain: text };
  });
}

/** What a client is shown of a part, whichever way it gets it. */
export function shownPart(key: string, part: WebhookPart): Readonly<Record<string, unknown>> {
  const { files, ...rest } = part;
  return {
    id: key,
    ...rest,
    files: files.map(({ name, mediaType, bytes }) => ({ name, media_type: mediaType, bytes })),
  };
}
