// Which message a file is sent as: WhatsApp knows few types of media, each with a size of its own.

import type { OutgoingFile } from "../../../actors/channels/outgoing.ts";
import { whatsappLimits } from "./limits.ts";

/** As what a file is sent, and the type that it is uploaded under. */
export interface FileKind {
  readonly as: "image" | "audio" | "video" | "document";
  readonly mediaType: string;
}

const IMAGES = ["image/jpeg", "image/png"];
const AUDIO = ["audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg"];
const VIDEO = ["video/mp4", "video/3gpp"];
const OFFICE = "application/vnd.openxmlformats-officedocument.";
const DOCUMENTS = [
  "text/plain",
  "application/pdf",
  "application/msword",
  "application/vnd.ms-excel",
  "application/vnd.ms-powerpoint",
  `${OFFICE}wordprocessingml.document`,
  `${OFFICE}spreadsheetml.sheet`,
  `${OFFICE}presentationml.presentation`,
];
/** Text by another name: taken as text/plain, and opened by the name that the file has. */
const TEXTS = /^(?:text\/[\w.+-]+|application\/(?:json|xml|yaml|[\w.-]+\+(?:json|xml)))$/;

/** How a file is sent; null when WhatsApp takes no file of its type or size. */
export function kindOf({ mediaType: declared, bytes }: OutgoingFile): FileKind | null {
  const mediaType = (declared.split(";", 1)[0] ?? "").trim().toLowerCase();
  if (IMAGES.includes(mediaType) && bytes <= whatsappLimits.imageBytes) {
    return { as: "image", mediaType };
  }
  if (AUDIO.includes(mediaType)) {
    return bytes <= whatsappLimits.audioBytes ? { as: "audio", mediaType } : null;
  }
  if (VIDEO.includes(mediaType)) {
    return bytes <= whatsappLimits.videoBytes ? { as: "video", mediaType } : null;
  }
  if (bytes > whatsappLimits.documentBytes) return null;
  if (DOCUMENTS.includes(mediaType)) return { as: "document", mediaType };
  return TEXTS.test(mediaType) ? { as: "document", mediaType: "text/plain" } : null;
}
