// What the widget keeps in the browser from one page to the next: an anonymous visitor's ticket, how far
// was read, and each message that is not acknowledged, under a key of its own, because tabs share it.

/** Named values behind a prefix; where the browser keeps nothing they live as long as the page. */
export function createMemory(prefix) {
  let store = null;
  try {
    store = window.localStorage;
    store.getItem(prefix);
  } catch {
    store = null;
  }
  const own = new Map();
  return {
    get(name) {
      try {
        return JSON.parse(own.get(name) ?? store?.getItem(prefix + name) ?? "null");
      } catch {
        return null;
      }
    },
    set(name, value) {
      const text = JSON.stringify(value);
      try {
        store.setItem(prefix + name, text);
        own.delete(name);
      } catch {
        own.set(name, text);
      }
    },
    remove(name) {
      own.delete(name);
      store?.removeItem(prefix + name);
    },
    names(start) {
      const kept = Object.keys(store ?? {})
        .filter((key) => key.startsWith(prefix + start))
        .map((key) => key.slice(prefix.length));
      return [...kept, ...[...own.keys()].filter((name) => name.startsWith(start))];
    },
  };
}
