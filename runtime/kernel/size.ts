// How many bytes plain data holds, roughly: for limits on what waits in memory. It costs less than a
// clone and allocates nothing.

const DEPTH_MAX = 8;
/** Items of a list that are looked at; the others count like these. */
const ITEMS_MAX = 64;
const NODE_BYTES = 8;

/** Bytes of plain data, roughly: strings at two bytes a unit; nothing beyond 8 levels. */
export function roughBytes(value: unknown, depth = 0): number {
  if (typeof value === "string") return value.length * 2;
  if (typeof value !== "object" || value === null || depth >= DEPTH_MAX) return NODE_BYTES;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  let bytes = NODE_BYTES;
  if (Array.isArray(value)) {
    const looked = Math.min(value.length, ITEMS_MAX);
    for (let at = 0; at < looked; at += 1) bytes += roughBytes(value[at], depth + 1);
    return looked === 0 ? bytes : Math.round((bytes * value.length) / looked);
  }
  const fields = value as Record<string, unknown>;
  for (const field in fields) bytes += roughBytes(fields[field], depth + 1);
  return bytes;
}
