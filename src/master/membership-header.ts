// The members of the cluster in front of a snapshot's content: a length in four bytes, little-endian, then msgpack.
import { pack, unpack } from "msgpackr";
import { assert } from "../kernel/assert.ts";
import type { Membership } from "../raft/index.ts";

/** Enough for any membership that Raft allows. Bytes. */
export const MEMBERSHIP_BYTES_MAX = 65_536;
const LENGTH_BYTES = 4;

export function encodeMembership(membership: Membership): Uint8Array {
  const body: Uint8Array = pack(membership);
  const whole = new Uint8Array(LENGTH_BYTES + body.length);
  assert(whole.length <= MEMBERSHIP_BYTES_MAX, "a membership fits its header", { bytes: whole.length });
  new DataView(whole.buffer).setUint32(0, body.length, true);
  whole.set(body, LENGTH_BYTES);
  return whole;
}

/** @returns the membership, and where the content begins */
export function decodeMembership(bytes: Uint8Array): {
  readonly membership: Membership;
  readonly end: number;
} {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const end = LENGTH_BYTES + length;
  assert(end <= bytes.length, "a snapshot begins with its membership", { end, bytes: bytes.length });
  return { membership: unpack(bytes.subarray(LENGTH_BYTES, end)) as Membership, end };
}
