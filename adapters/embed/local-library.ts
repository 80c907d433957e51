// The package that runs local models, loaded in a compute thread when a model is first asked for. It
// never reaches for the network.

import type { Dtype } from "./kinds.ts";
import { saidBy, unavailable } from "./unavailable.ts";

/** Optional, because it is 450 MB. */
const PACKAGE = "@huggingface/transformers";

/** Numbers of a model, by their dimensions. */
export interface Tensor {
  readonly data: ArrayLike<number>;
  readonly dims: readonly number[];
}

/** A model that is loaded. */
export type RunModel = (
  inputs: Readonly<Record<string, unknown>>,
) => Promise<Readonly<Record<string, Tensor>>>;

interface ModelClass {
  from_pretrained(
    folder: string,
    options: object,
  ): Promise<RunModel & { dispose(): Promise<unknown> }>;
}

/** What is used of the package. */
export interface Library {
  readonly env: Record<string, unknown>;
  readonly AutoModel: ModelClass;
  readonly AutoModelForSequenceClassification: ModelClass;
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: number[]) => unknown;
}

/** Loads the package. @throws RuntimeError EMBEDDER_UNAVAILABLE, which says what to install. */
export async function loadLibrary(
  importIt = (): Promise<unknown> => import(PACKAGE),
): Promise<Library> {
  let library: Library;
  try {
    library = (await importIt()) as Library;
  } catch (cause) {
    const text =
      `A local model needs the npm package ${PACKAGE}, which could not be loaded. Install it ` +
      `beside the server, with "npm install ${PACKAGE}@4" (${saidBy(cause)}).`;
    throw unavailable(text, { package: PACKAGE }, cause);
  }
  // Files come from the model's folder alone: what a server reads it was given by its operator.
  Object.assign(library.env, {
    allowRemoteModels: false,
    allowLocalModels: true,
    useFSCache: false,
    useBrowserCache: false,
    useWasmCache: false,
    // What fails is thrown; printed, it would show the texts.
    logLevel: 50,
  });
  return library;
}

/** How a model is loaded. */
export function modelOptions(dtype: Dtype): object {
  return {
    local_files_only: true,
    dtype,
    device: "cpu",
    // One thread a session: two do 30 % more for 45 % more of the cores' time.
    session_options: { intraOpNumThreads: 1, interOpNumThreads: 1 },
  };
}
