// Makes an adapter of what is special about its platform: what most platforms do alike stands here.

import type { Static, TSchema } from "../../actors/schema.ts";
import type {
  Capabilities,
  ChannelAdapter,
  ChannelEnvironment,
  ChannelInstance,
} from "./adapter.ts";
import { plainParts } from "./format/plain-parts.ts";

/** What holds for a platform whose adapter says nothing else. */
export const usualCapabilities = {
  textUnit: "codepoint",
  edit: false,
  buttons: false,
  typingMs: 0,
  fileBytesMax: 0,
  dedupeHours: 48,
  deliverWithinMs: 6 * 3_600_000,
  accountRate: { calls: 10, perMs: 1_000, burst: 10 },
  conversationRate: { calls: 1, perMs: 1_000, burst: 5 },
} as const satisfies Omit<Capabilities, "textMax">;

/** An account of it, open: without what has a default. */
export type DefinedInstance = Pick<ChannelInstance, "routes" | "send"> &
  Partial<Omit<ChannelInstance, "routes" | "send">>;

/** An adapter without what has a default. */
export interface ChannelDefinition<Schema extends TSchema>
  extends Omit<ChannelAdapter<Schema>, "capabilities" | "create" | "secrets" | "sessionScope"> {
  /** Default: none. */
  readonly secrets?: readonly string[];
  /** The others are `usualCapabilities`. */
  readonly capabilities: Pick<Capabilities, "textMax"> & Partial<Capabilities>;
  /** Default: the conversation. */
  readonly sessionScope?: ChannelAdapter["sessionScope"];
  /**
   * Opens an account. Defaults: `render` gives plain text, `{ text }` each, with buttons written out and files
   * named; `renderPlain` is `render`; a `probe` finds nothing that could be asked; `close` has nothing to close.
   * @throws RuntimeError INVALID with the pointer of a setting that is missing or wrong.
   */
  create(settings: Static<Schema>, environment: ChannelEnvironment): DefinedInstance;
}

/** An adapter, whole. */
export function defineChannel<Schema extends TSchema>(
  definition: ChannelDefinition<Schema>,
): ChannelAdapter<Schema> {
  const capabilities = { ...usualCapabilities, ...definition.capabilities };
  const { textMax: max, textUnit: unit } = capabilities;
  return {
    ...{ secrets: [], sessionScope: "conversation" },
    ...definition,
    capabilities,
    create: (settings, environment) => {
      const own = definition.create(settings, environment);
      const render = own.render ?? ((outgoing) => plainParts(outgoing, { max, unit }));
      return {
        ...{ render, renderPlain: render },
        probe: async () => [{ ok: true, text: "The platform has nothing that could be asked." }],
        close: async () => undefined,
        ...own,
      };
    },
  };
}
