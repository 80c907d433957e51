// A map for what comes and goes all the time. A Map makes its table anew after every so many entries,
// and V8 has each outgrown table point to the next one. Once one of them is in the old generation, no
// young collection frees any that came after it, nor what stood in them: on a thread that answers
// chats nearly all that a turn had made stayed until the next major collection. Here an outgrown
// table holds boxes, and the box of an entry that has gone is empty.

interface Box<V> {
  value: V | undefined;
}

/** A Map whose entries leave nothing behind. Values are never undefined. */
export class ChurnMap<K, V> {
  readonly #boxes = new Map<K, Box<V>>();

  get size(): number {
    return this.#boxes.size;
  }

  get(key: K): V | undefined {
    return this.#boxes.get(key)?.value;
  }

  has(key: K): boolean {
    return this.#boxes.has(key);
  }

  set(key: K, value: V): void {
    const box = this.#boxes.get(key);
    if (box === undefined) this.#boxes.set(key, { value });
    else box.value = value;
  }

  /** False when there is no such entry. */
  delete(key: K): boolean {
    const box = this.#boxes.get(key);
    if (box === undefined) return false;
    box.value = undefined;
    return this.#boxes.delete(key);
  }

  clear(): void {
    for (const box of this.#boxes.values()) box.value = undefined;
    this.#boxes.clear();
  }

  /** In the order in which they came; what is removed meanwhile is left out. */
  *entries(): Generator<[K, V]> {
    for (const [key, { value }] of this.#boxes) if (value !== undefined) yield [key, value];
  }

  keys(): MapIterator<K> {
    return this.#boxes.keys();
  }

  *values(): Generator<V> {
    for (const { value } of this.#boxes.values()) if (value !== undefined) yield value;
  }
}
