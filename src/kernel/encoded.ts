// A message in its encoded form, for those who carry it and never read it. The bytes are the characters U+0000 to U+00FF
// of a text, because V8 keeps a text in one piece in its heap: half the memory of an array of bytes of its own, and next
// to nothing for the garbage collector to walk, where a cluster holds a million of them.

declare const encoded: unique symbol;

/** Protobuf, a character for each byte. */
export type EncodedMessage = string & { readonly [encoded]: true };

/** A call takes so many arguments on every platform. */
const CHARACTERS_AT_ONCE = 8_192;

export function encodedOf(bytes: Uint8Array): EncodedMessage {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE) {
    const piece = bytes.length <= CHARACTERS_AT_ONCE ? bytes : bytes.subarray(at, at + CHARACTERS_AT_ONCE);
    text += Reflect.apply(String.fromCharCode, null, piece);
  }
  return text as EncodedMessage;
}

export function bytesOf(encoded: EncodedMessage): Uint8Array {
  const bytes = new Uint8Array(encoded.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = encoded.charCodeAt(at);
  return bytes;
}
