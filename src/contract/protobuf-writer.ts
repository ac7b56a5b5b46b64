// The bytes of one protobuf message as they grow: varints, fixed numbers, texts, and messages within it, whose length is
// put before them once it is known. Knows no schema. Written by hand because updates to frameworks are the most frequent
// thing that a master encodes: half the time that protobufjs' writer takes.

const FIRST_BYTES = 2048;
const VARINT_BYTES_MAX = 10;
/** Shorter texts are tried as ASCII, byte by byte; a call to Node's encoder costs more. */
const SHORT_TEXT_UNITS_MAX = 64;
const ONE_BYTE_LENGTH_MAX = 0x7f;
const UINT32_SPAN = 2 ** 32;

export class ProtobufWriter {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;

  /** What was written. Nothing may be written after it. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** @param value a whole number from 0 to 2^53 - 1 */
  uint(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    while (value >= UINT32_SPAN) {
      this.#bytes[this.#at++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    for (let rest = value >>> 0; ; rest >>>= 7) {
      if (rest <= 0x7f) {
        this.#bytes[this.#at++] = rest;
        return;
      }
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    }
  }

  /** @param value a whole number within ±(2^53 - 1); a negative one takes ten bytes */
  int(value: number): void {
    if (value >= 0) this.uint(value);
    else this.bigInt(BigInt(value));
  }

  /** Of 64 bits, in two's complement. */
  bigInt(value: bigint): void {
    this.#reserve(VARINT_BYTES_MAX);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#at++] = Number(rest);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** With its length before it. */
  bytes(value: Uint8Array): void {
    this.uint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** With its length before it. */
  text(value: string): void {
    if (value.length > SHORT_TEXT_UNITS_MAX || !this.#writeAscii(value)) this.#writeUtf8(value);
  }

  /** Where the length of a message will be, for `endMessage`; what is written until then is the message. */
  beginMessage(): number {
    this.#reserve(1);
    return this.#at++;
  }

  endMessage(lengthAt: number): void {
    const length = this.#at - lengthAt - 1;
    if (length <= ONE_BYTE_LENGTH_MAX) {
      this.#bytes[lengthAt] = length;
      return;
    }
    const end = this.#at;
    this.#reserve(VARINT_BYTES_MAX);
    this.#at = lengthAt;
    const lengthBytes = varintBytes(length);
    this.#bytes.copyWithin(lengthAt + lengthBytes, lengthAt + 1, end);
    this.uint(length);
    this.#at = end + lengthBytes - 1;
  }

  /** @returns whether the text was written: false if a character of it is not ASCII */
  #writeAscii(value: string): boolean {
    this.#reserve(1 + value.length);
    const bytes = this.#bytes;
    const start = this.#at + 1;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[start + i] = unit;
    }
    bytes[this.#at] = value.length;
    this.#at = start + value.length;
    return true;
  }

  #writeUtf8(value: string): void {
    const length = Buffer.byteLength(value, "utf8");
    this.uint(length);
    this.#reserve(length);
    this.#at += this.#bytes.write(value, this.#at, "utf8");
  }

  #reserve(bytes: number): void {
    const wanted = this.#at + bytes;
    if (wanted <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
