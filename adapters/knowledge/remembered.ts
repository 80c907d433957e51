// A row that is read with every search and seldom changes is decoded when its bytes have changed.

/** `decode`, which answers as before for the same bytes. */
export function remembered<T>(
  decode: (bytes: Uint8Array | undefined) => T,
): (bytes: Uint8Array | undefined) => T {
  let last: { readonly bytes: Uint8Array | undefined; readonly value: T } | undefined;
  return (bytes) => {
    if (last === undefined || !isSame(last.bytes, bytes)) last = { bytes, value: decode(bytes) };
    return last.value;
  };
}

function isSame(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return left.byteLength === right.byteLength && Buffer.compare(left, right) === 0;
}
