// The rows of a data folder, opened without a server.

import { type Bulk, createBulk } from "../../runtime/store/bulk.ts";
import { openStore } from "../../runtime/store/lmdb.ts";
import { startStorage } from "../../runtime/store/storage.ts";
import type { Environment, Store } from "../../runtime/store/store.ts";

/** An open folder. */
export interface OpenData {
  /** A connection of its own, as each thread has one. */
  connect(environment: Environment): Store;
  /** Over a connection of its own, or the given one. */
  connectBulk(store?: Store): Bulk;
  /** Closes all connections, then the files. */
  close(): Promise<void>;
}

/** Opens one, which is made if it is not there. A storage thread that dies throws. */
export async function openData(path: string): Promise<OpenData> {
  const storage = await startStorage({
    path,
    onDeath: (_, error) => {
      throw error;
    },
  });
  const stores: Store[] = [];
  const connect = (environment: Environment): Store => {
    const store = openStore({ path, environment, port: storage.connect(environment) });
    stores.push(store);
    return store;
  };
  return {
    connect,
    connectBulk: (store = connect("bulk")) => createBulk(store, () => Promise.resolve()),
    async close() {
      await Promise.all(stores.map((store) => store.close()));
      await storage.close();
    },
  };
}
