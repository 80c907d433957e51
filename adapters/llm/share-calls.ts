// Whether calls of models are shared: by the settings, and call by call. What shares them is loaded only
// where they are.

import type { Llm } from "../../actors/ports.ts";
import type { HostLine } from "../../runtime/threads/host.ts";
import type { SharingSettings } from "./hub-messages.ts";

/** The port with calls shared as the settings say; unchanged when they say that none is. */
export function shareCalls(llm: Llm, line: HostLine | undefined, settings: SharingSettings): Llm {
  const { coalesce, cacheMs, cacheTemperature } = settings;
  if (line === undefined || (coalesce === "off" && cacheMs === 0)) return llm;
  const loading = import("./shared-calls.ts").then(({ SharedCalls }) => new SharedCalls(llm, line));
  // Whoever calls is told; until then it is nobody's.
  loading.catch(() => undefined);
  return {
    windowOf: (model) => llm.windowOf(model),
    isBuiltin: (model) => llm.isBuiltin(model),
    takesImages: (model) => llm.takesImages(model),
    async complete(request, options) {
      const isFixed = request.temperature === 0 || cacheTemperature === "any";
      const isCached = cacheMs > 0 && isFixed;
      const isOwn = llm.isBuiltin(request.model) || (coalesce === "off" && !isCached);
      if (isOwn) return await llm.complete(request, options);
      return await (await loading).complete(request, options, isCached);
    },
  };
}
