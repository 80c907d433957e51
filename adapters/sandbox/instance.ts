// A JavaScript engine in WebAssembly that is used once: QuickJS, compiled once a thread, each time with a memory of
// its own that cannot grow over its limit. Nothing is freed and nothing is used again: whatever a script does to its
// engine goes with it.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { QuickJSContext, QuickJSSyncVariant } from "quickjs-emscripten-core";

/** Pages of 64 KiB that the engine begins with, and those of a MiB. */
const BASE_PAGES = 256;
const MIB_PAGES = 16;
/** Of the engine's own stack. Natively nested work that needs more of the thread's is ended by the thread. */
const STACK_BYTES = 256 * 1_024;

/** As far as it is used: the language's own library has no types for it. */
interface WebAssembly {
  compile(bytes: Uint8Array): Promise<object>;
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => object;
}

interface Engine {
  readonly core: typeof import("quickjs-emscripten-core");
  readonly variant: QuickJSSyncVariant;
  readonly module: object;
}

const { WebAssembly: wasm } = globalThis as unknown as { readonly WebAssembly: WebAssembly };

let engine: Promise<Engine> | undefined;

async function load(): Promise<Engine> {
  const [core, made] = await Promise.all([
    import("quickjs-emscripten-core"),
    import("@jitl/quickjs-wasmfile-release-sync"),
  ]);
  const file = createRequire(import.meta.url).resolve("@jitl/quickjs-wasmfile-release-sync/wasm");
  // Its types say CommonJS, and what is imported is none.
  const variant = made.default as unknown as QuickJSSyncVariant;
  return { core, variant, module: await wasm.compile(await readFile(file)) };
}

/** What bounds an engine. */
export interface EngineLimits {
  readonly memoryMib: number;
  /** Asked every few thousand operations: whether to end what it does. */
  readonly isOver: () => boolean;
}

/** A new one, in which nothing was done yet. */
export async function newEngine({ memoryMib, isOver }: EngineLimits): Promise<QuickJSContext> {
  engine ??= load();
  const { core, variant, module: wasmModule } = await engine;
  const maximum = BASE_PAGES + memoryMib * MIB_PAGES;
  const wasmMemory = new wasm.Memory({ initial: BASE_PAGES, maximum });
  const own = core.newVariant(variant, { wasmModule, wasmMemory });
  const runtime = (await core.newQuickJSWASMModuleFromVariant(own)).newRuntime();
  runtime.setMemoryLimit(memoryMib * 1_024 * 1_024);
  runtime.setMaxStackSize(STACK_BYTES);
  runtime.setInterruptHandler(isOver);
  return runtime.newContext();
}
