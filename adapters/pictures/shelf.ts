// Where the bytes of pictures are kept: a row of the tenant for each picture of a conversation, written before
// the message that brings it. What a message brought that was refused goes again, unless another one has it.

import { createHash } from "node:crypto";
import {
  type Picture,
  pictureRow,
  picturesTable,
  type StoredPicture,
} from "../../actors/records/picture.ts";
import type { Tables } from "../../runtime/system.ts";
import { createSerial } from "../serial.ts";
import { checkPicture } from "./check.ts";

/** Pictures of a message that is on its way. */
export interface OnTheWay {
  readonly images: readonly Picture[];
  /** What became of the message: of one that was not taken, what it brought goes. */
  ended(isTaken: boolean): Promise<void>;
}

/** Messages on their way that bring a picture. */
interface Use {
  count: number;
  isNew: boolean;
  isTaken: boolean;
}

/** Puts them there. */
export interface PictureShelf {
  /** Resolves when they are on disk. @throws INVALID for what is no picture, STORE_FULL. */
  keep(
    place: { readonly tenant: string; readonly conversation: string },
    pictures: readonly Uint8Array[],
  ): Promise<OnTheWay>;
}

/** One for the process: what is on its way is known in memory. */
export function createPictureShelf(tables: Pick<Tables, "get" | "write">): PictureShelf {
  const uses = new Map<string, Use>();
  const serial = createSerial();

  const keepOne = async (tenant: string, id: string, value: StoredPicture): Promise<void> => {
    const key = `${tenant}/${id}`;
    await serial.run(key, async () => {
      const known = uses.get(key);
      if (known !== undefined) {
        known.count += 1;
        return;
      }
      const isNew = (await tables.get(tenant, picturesTable, id)) === undefined;
      if (isNew) await tables.write(tenant, [{ type: "put", table: picturesTable, id, value }]);
      uses.set(key, { count: 1, isNew, isTaken: false });
    });
  };
  const endOne = async (tenant: string, id: string, isTaken: boolean): Promise<void> => {
    const key = `${tenant}/${id}`;
    await serial.run(key, async () => {
      const use = uses.get(key);
      if (use === undefined) return;
      use.count -= 1;
      use.isTaken ||= isTaken;
      if (use.count > 0) return;
      uses.delete(key);
      if (!use.isNew || use.isTaken) return;
      await tables.write(tenant, [{ type: "remove", table: picturesTable, id }]);
    });
  };

  return {
    keep: async ({ tenant, conversation }, pictures) => {
      const images = pictures.map(describe);
      const byId = new Map(images.map((image, at) => [image.id, pictures[at]]));
      const kept: string[] = [];
      const ended = async (isTaken: boolean): Promise<void> => {
        for (const id of kept.splice(0)) await endOne(tenant, id, isTaken);
      };
      try {
        for (const { id, media_type } of images) {
          const bytes = byId.get(id);
          if (bytes === undefined) continue;
          byId.delete(id);
          const row = pictureRow(conversation, id);
          await keepOne(tenant, row, { media_type, bytes });
          kept.push(row);
        }
      } catch (error) {
        await ended(false);
        throw error;
      }
      return { images, ended };
    },
  };
}

function describe(bytes: Uint8Array, at: number): Picture {
  const head = checkPicture(bytes, `/images/${at}`);
  const id = createHash("sha256").update(bytes).digest("hex");
  return { id, ...head, bytes: bytes.byteLength };
}
