// RecordIO, the framing of Mesos' streams: `<decimal length>\n<bytes>`, again and again, with nothing in between. HTTP
// chunks have nothing to do with it (reference, section h).
import { assert } from "../kernel/assert.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import { RECORD_BYTES_MAX, RECORD_LENGTH_DIGITS_MAX } from "./limits.ts";

const NEWLINE = 0x0a;
const DIGIT_ZERO = 0x30;
const DIGIT_NINE = 0x39;

/** One record with its length before it; an empty record does not exist. */
export function encodeRecord(record: Uint8Array): Uint8Array {
  assert(record.length > 0, "a record has bytes");
  const head = `${record.length}\n`;
  const framed = Buffer.allocUnsafe(head.length + record.length);
  framed.write(head, 0, "latin1");
  framed.set(record, head.length);
  return framed;
}

/** Takes a stream in pieces of any size and gives its records. Owns the bytes of the record that is not yet complete. */
export class RecordDecoder {
  readonly #recordBytesMax: number;
  /** Digits seen of the length being read, and its value so far; the length of the open record once it is open. */
  #digits = 0;
  #length = 0;
  #open = false;
  #buffer: Uint8Array = new Uint8Array(0);
  #filled = 0;
  #failure: string | undefined;

  /** @param recordBytesMax a longer record is an error */
  constructor(recordBytesMax: number = RECORD_BYTES_MAX) {
    this.#recordBytesMax = recordBytesMax;
  }

  /**
   * The records that the piece completes, as copies. After an error every further call gives the same error; records
   * that came in the same piece before it are lost with the stream.
   */
  push(piece: Uint8Array): Result<readonly Uint8Array[], string> {
    const records: Uint8Array[] = [];
    let at = 0;
    while (at < piece.length && this.#failure === undefined) {
      at = this.#open ? this.#fill(piece, at, records) : this.#readLength(piece, at);
    }
    return this.#failure === undefined ? ok(records) : err(this.#failure);
  }

  /** Whether the stream may end here: no record has begun. */
  isBetweenRecords(): boolean {
    return !this.#open && this.#digits === 0;
  }

  #readLength(piece: Uint8Array, start: number): number {
    for (let at = start; at < piece.length; at++) {
      const byte = piece[at] as number;
      if (byte === NEWLINE) {
        this.#begin();
        return at + 1;
      }
      if (byte < DIGIT_ZERO || byte > DIGIT_NINE) return this.#fail("a record's length is no number", piece);
      if (++this.#digits > RECORD_LENGTH_DIGITS_MAX)
        return this.#fail("a record's length is too long", piece);
      this.#length = this.#length * 10 + byte - DIGIT_ZERO;
    }
    return piece.length;
  }

  #begin(): void {
    if (this.#digits === 0) this.#failure = "a record's length is missing";
    else if (this.#length === 0) this.#failure = "a record of length 0";
    else if (this.#length > this.#recordBytesMax) {
      this.#failure = `a record of ${this.#length} bytes, of which ${this.#recordBytesMax} are allowed`;
    }
    this.#open = true;
  }

  #fill(piece: Uint8Array, at: number, records: Uint8Array[]): number {
    const part = piece.subarray(at, at + this.#length - this.#filled);
    this.#reserve(this.#filled + part.length);
    this.#buffer.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === this.#length) records.push(this.#take());
    return at + part.length;
  }

  /** Grows with what has come, not with what was announced. */
  #reserve(needed: number): void {
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.min(this.#length, Math.max(needed, this.#buffer.length * 2)));
    grown.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = grown;
  }

  #take(): Uint8Array {
    const record = this.#buffer;
    this.#buffer = new Uint8Array(0);
    this.#filled = 0;
    this.#digits = 0;
    this.#length = 0;
    this.#open = false;
    return record;
  }

  #fail(reason: string, piece: Uint8Array): number {
    this.#failure = reason;
    return piece.length;
  }
}
