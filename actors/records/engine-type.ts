// What engines there are.

/** Types of engines. */
export const engineTypes = ["direct_ops", "code_agent", "managed_agent", "plugin"] as const;

/** One of them. */
export type EngineType = (typeof engineTypes)[number];
