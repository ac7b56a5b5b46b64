// The first frame of every connection: who speaks, to whom, in which cluster and which version of the protocol.
import { assert } from "../kernel/assert.ts";
import { asId, type MemberId } from "../kernel/ids.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import { FrameReader, FrameWriter, fitsAsName, textSize } from "./wire-buffer.ts";

/** Changes when members of two versions must not talk to each other. */
export const PROTOCOL_VERSION = 1;
const HANDSHAKE_CODE = 1;
/** "TEPU" in ASCII: tells our port from whatever else somebody may have dialled. */
const MAGIC = 0x54_45_50_55;

export interface Handshake {
  readonly clusterName: string;
  readonly from: MemberId;
  readonly to: MemberId;
}

export function encodeHandshake(handshake: Handshake): Uint8Array {
  const names = [handshake.clusterName, handshake.from, handshake.to];
  for (const name of names) assert(fitsAsName(name), "a name is empty or too long", { name });
  const writer = new FrameWriter(names.reduce((size, name) => size + textSize(name), 9));
  writer.byte(HANDSHAKE_CODE);
  writer.uint32(MAGIC);
  writer.uint32(PROTOCOL_VERSION);
  for (const name of names) writer.text(name);
  return writer.frame;
}

/** Who is speaking, if the speaker is one of the members and means us; else the reason to hang up. */
export function acceptHandshake(
  frame: Uint8Array,
  expected: { readonly clusterName: string; readonly self: MemberId; readonly members: readonly MemberId[] },
): Result<MemberId, string> {
  const reader = new FrameReader(frame);
  if (reader.byte() !== HANDSHAKE_CODE || reader.uint32() !== MAGIC) return err("not a member's handshake");
  const version = reader.uint32();
  if (version !== PROTOCOL_VERSION) return err(`protocol version ${version}, not ${PROTOCOL_VERSION}`);
  const clusterName = reader.text();
  const from = asId<MemberId>(reader.text());
  const to = asId<MemberId>(reader.text());
  if (!reader.isDone()) return err("malformed handshake");
  if (clusterName !== expected.clusterName) return err(`cluster "${clusterName}"`);
  if (to !== expected.self) return err(`meant for member "${to}"`);
  if (from === expected.self || !expected.members.includes(from)) return err(`unknown member "${from}"`);
  return ok(from);
}
