// Bytes of pictures are kept once for a conversation, and go with a message that was not taken.

import { expect, test } from "vitest";
import { pictureRow, picturesTable } from "../../../actors/records/picture.ts";
import { createPictureShelf } from "../../../adapters/pictures/shelf.ts";
import { memoryTables } from "../../http/memory-tables.ts";
import { png, pngNamed } from "../../support/picture-files.ts";

const place = { tenant: "tn_a", conversation: "cv_1" };
const start = () => {
  const tables = memoryTables();
  const ids = async (tenant = "tn_a") =>
    (await tables.list(tenant, picturesTable, { limit: 10 })).map(({ id }) => id);
  return { tables, ids, shelf: createPictureShelf(tables) };
};

test("a picture that is sent twice is kept once, for its own tenant and conversation", async () => {
  const { shelf, ids } = start();

  const first = await shelf.keep(place, [png, png]);
  const other = await shelf.keep({ ...place, conversation: "cv_2" }, [png]);
  await Promise.all([first.ended(true), other.ended(true)]);

  const [image] = first.images;
  expect(first.images).toEqual([image, image]);
  expect(image).toMatchObject({ media_type: "image/png", bytes: png.length, width: 1, height: 1 });
  const { id = "" } = image ?? {};
  expect(await ids()).toEqual([pictureRow("cv_1", id), pictureRow("cv_2", id)]);
  expect(await ids("tn_b")).toEqual([]);
});

test("what a refused message brought goes, unless another message has it", async () => {
  const { shelf, ids } = start();

  const refused = await shelf.keep(place, [pngNamed("a"), pngNamed("b")]);
  const taken = await shelf.keep(place, [pngNamed("b")]);
  await taken.ended(true);
  expect(await ids()).toHaveLength(2);
  await refused.ended(false);
  const [b] = taken.images;
  expect(await ids()).toEqual([pictureRow("cv_1", b?.id ?? "")]);

  const again = await shelf.keep(place, [pngNamed("b")]);
  await again.ended(false);
  expect(await ids()).toHaveLength(1);
});

test("of several pictures with one that is none, none is kept", async () => {
  const { shelf, ids } = start();

  const kept = shelf.keep(place, [png, Buffer.from("text")]);

  await expect(kept).rejects.toMatchObject({ code: "INVALID", details: { pointer: "/images/1" } });
  expect(await ids()).toEqual([]);
});
