// pdfjs-dist, set up to read text and nothing else: no network, no code from documents, no fonts of the
// machine, no native canvas.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { PDFDocumentLoadingTask } from "pdfjs-dist/legacy/build/pdf.mjs";

type Library = typeof import("pdfjs-dist/legacy/build/pdf.mjs");

const LIBRARY = "pdfjs-dist/legacy/build/pdf.mjs";
const CANVAS = "@napi-rs/canvas";
let library: Promise<Library> | undefined;

/** Starts to read a PDF; end it with its `destroy`. */
export async function openPdf(bytes: Uint8Array): Promise<PDFDocumentLoadingTask> {
  library ??= load();
  const { getDocument, VerbosityLevel } = await library;
  return getDocument({
    // A copy of its own: the library keeps and hands over what it is given.
    data: Uint8Array.from(bytes),
    verbosity: VerbosityLevel.ERRORS,
    // Character maps of Asian fonts, from the package's own folder.
    cMapUrl: fileURLToPath(new URL("../../cmaps/", import.meta.resolve(LIBRARY))),
    cMapPacked: true,
    isEvalSupported: false,
    disableFontFace: true,
    useSystemFonts: false,
    useWorkerFetch: false,
    useWasm: false,
    enableXfa: false,
    isOffscreenCanvasSupported: false,
    isImageDecoderSupported: false,
    stopAtErrors: false,
  });
}

async function load(): Promise<Library> {
  withoutCanvas();
  forgiveRejections();
  return await import("pdfjs-dist/legacy/build/pdf.mjs");
}

/**
 * Of a damaged file the library drops promises that it rejected, beside the error it reports: without
 * this they would end the thread, at times while the next document is read. Others' still do.
 */
function forgiveRejections(): void {
  process.on("unhandledRejection", (reason) => {
    const isLibrarys = reason instanceof Error && reason.stack?.includes("/pdfjs-dist/") === true;
    if (isLibrarys) return;
    setImmediate(() => {
      throw reason;
    });
  });
}

/**
 * The library loads a native canvas when it finds one, to draw pages. We never draw, and native
 * code must not be in a thread that is ended at any moment: it finds stand-ins instead.
 */
function withoutCanvas(): void {
  const require = createRequire(import.meta.resolve(LIBRARY));
  class Nothing {}
  const standIns = { DOMMatrix: Nothing, ImageData: Nothing, Path2D: Nothing };
  Object.assign(globalThis, standIns);
  try {
    const path = require.resolve(CANVAS);
    const entry = { id: path, path, filename: path, loaded: true, exports: standIns };
    require.cache[path] = Object.assign(Object.create(null), entry);
  } catch {
    // Not installed.
  }
}
