// A compressor for archives in virtual time: it gives back what it was given, one promise later.
import type { Compressor } from "../src/log/index.ts";

export const ECHO: Compressor = {
  suffix: ".echo",
  compress: async (piece) => piece.slice(),
  decompress: async (packed, bytesMax) => {
    if (packed.length > bytesMax) throw new Error("more than was packed");
    return packed.slice();
  },
};
