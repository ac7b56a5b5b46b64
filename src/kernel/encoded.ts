// A message in its encoded form, for those who carry it and never read it. The bytes are the characters U+0000 to U+00FF
// of a text, because V8 keeps a text in one piece in its heap: half the memory of an array of bytes of its own, and next
// to nothing for the garbage collector to walk, where a cluster holds a million of them.

declare const encoded: unique symbol;

/** Protobuf, a character for each byte. */
export type EncodedMessage = string & { readonly [encoded]: true };
