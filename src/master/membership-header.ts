// The members of the cluster in front of a snapshot's content: a length in four bytes, little-endian, then msgpack.
// Headers of old have no contacts; Raft reads them as having none.
import { assert, present } from "../kernel/assert.ts";
import { type Membership, packMembership, unpackMembership } from "../raft/index.ts";

/** Enough for any membership that Raft allows. Bytes. */
export const MEMBERSHIP_BYTES_MAX = 65_536;
const LENGTH_BYTES = 4;

export function encodeMembership(membership: Membership): Uint8Array {
  const body = packMembership(membership);
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
  const membership = unpackMembership(bytes.subarray(LENGTH_BYTES, end));
  return { membership: present(membership ?? undefined, "the header of a snapshot is a membership"), end };
}
