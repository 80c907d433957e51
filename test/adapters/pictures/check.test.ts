// What is taken for a picture: told by bytes alone, within limits, without a pixel being decoded.

import fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../../../actors/limits.ts";
import { checkPicture, looksLikePicture } from "../../../adapters/pictures/check.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { gifOf, jpegOf, png, pngOf, webpOf } from "../../support/picture-files.ts";

const whyNot = (bytes: Uint8Array): string => {
  try {
    checkPicture(bytes);
  } catch (error) {
    if (error instanceof RuntimeError) return error.message;
    throw error;
  }
  return "";
};

test("png, jpeg, gif and webp are told by their bytes, with their size", () => {
  const size = { width: 640, height: 480 };
  expect(checkPicture(png)).toEqual({ media_type: "image/png", width: 1, height: 1 });
  expect(checkPicture(jpegOf(640, 480))).toEqual({ media_type: "image/jpeg", ...size });
  expect(checkPicture(gifOf(640, 480))).toEqual({ media_type: "image/gif", ...size });
  for (const form of ["VP8 ", "VP8L", "VP8X"] as const) {
    expect(checkPicture(webpOf(form, 640, 480))).toEqual({ media_type: "image/webp", ...size });
  }
});

test("what is none, is cut off, too large or a bomb is refused with the limit", () => {
  expect(whyNot(Buffer.from("Only a text."))).toContain("no picture");
  expect(whyNot(Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"))).toContain("no picture");
  expect(whyNot(png.subarray(0, 45))).toContain("cut off");
  expect(whyNot(jpegOf(5, 5).subarray(0, -2))).toContain("cut off");
  expect(whyNot(webpOf("VP8X", 5, 5).subarray(0, 35))).toContain("cut off");
  expect(whyNot(gifOf(0, 5))).toContain("damaged");
  const side = limits.pictureSide;
  expect(whyNot(pngOf(side, side))).toBe("");
  expect(whyNot(pngOf(60_000, 60_000))).toContain(`60000 x 60000 pixels`);
  expect(whyNot(pngOf(1, side + 1))).toContain(`at most ${side} on a side`);
  const large = Buffer.concat([png, Buffer.alloc(limits.pictureBytes)]);
  expect(whyNot(large)).toContain(`at most ${limits.pictureBytes}`);
});

test("any bytes behind a picture's beginning are a picture or a refusal, never another error", () => {
  const heads = [png.subarray(0, 16), jpegOf(1, 1), gifOf(1, 1), webpOf("VP8L", 1, 1)];
  fc.assert(
    fc.property(
      fc.constantFrom(...heads),
      fc.nat(40),
      fc.uint8Array({ maxLength: 80 }),
      (head, at, tail) => {
        const bytes = Buffer.concat([head.subarray(0, at), tail]);
        const why = whyNot(bytes);
        expect(why === "" || looksLikePicture(bytes) || why.includes("no picture")).toBe(true);
      },
    ),
  );
});
