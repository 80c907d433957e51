// The library's client as it is used here: it says what it cannot do, so that no server asks it to sample or to ask a
// person, and holds results to their schemas without patterns that backtrack. Loaded with the first server.

import type { Client, jsonSchemaValidator } from "@modelcontextprotocol/client";
import { checkValue, loadSchemas } from "../../actors/answer/output-schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** Connecting takes at most this long, ms: to ask which revision is spoken, and the whole. */
export const connectMs = { probe: 5_000, whole: 15_000 } as const;

type Library = typeof import("@modelcontextprotocol/client");
let library: Promise<Library> | undefined;

/** The library. */
export async function loadLibrary(): Promise<Library> {
  library ??= import("@modelcontextprotocol/client");
  const [loaded] = await Promise.all([library, loadSchemas()]);
  return loaded;
}

/** How it is to be connected. */
export interface ClientOptions {
  /** `older`: the server is known not to speak the current revision. */
  readonly era: "ask" | "older";
  /** The server says that its tools are others now. */
  onChanged(): void;
}

/** A client that is not connected yet. */
export function createClient({ Client }: Library, { era, onChanged }: ClientOptions): Client {
  return new Client(
    { name: "troupe", version: "1" },
    {
      capabilities: {},
      versionNegotiation: {
        mode: era === "ask" ? "auto" : "legacy",
        probe: { timeoutMs: connectMs.probe },
      },
      inputRequired: { autoFulfill: false },
      jsonSchemaValidator: linear,
      listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged } },
    },
  );
}

/** A schema that cannot be used here holds nothing back. */
const linear: jsonSchemaValidator = {
  getValidator: (schema) => (input) => {
    const valid = { valid: true as const, data: input as never, errorMessage: undefined };
    try {
      const checked = checkValue(schema as Readonly<Record<string, unknown>>, input);
      return checked.ok ? valid : { valid: false, data: undefined, errorMessage: checked.reason };
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      return valid;
    }
  },
};
