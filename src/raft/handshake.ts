// The first frame of every connection: who speaks, to whom, in which cluster and which version of the protocol. It is
// said again when the speaker has come to know its group.
import { assert } from "../kernel/assert.ts";
import { asId, type GroupId, type MemberId } from "../kernel/ids.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import { isGroupId } from "./membership-entry.ts";
import { FrameReader, FrameWriter, fitsAsName, textSize } from "./wire-buffer.ts";

/** Changes when members of two versions must not talk to each other. */
export const PROTOCOL_VERSION = 3;
const HANDSHAKE_CODE = 1;
/** "TEPU" in ASCII: tells our port from whatever else somebody may have dialled. */
const MAGIC = 0x54_45_50_55;

export interface Handshake {
  readonly clusterName: string;
  readonly from: MemberId;
  readonly to: MemberId;
  /** Where the speaker is dialled: a member that does not know it yet answers it there. */
  readonly address: string;
  /** The group that the speaker belongs to (group-id.ts); null while it knows of none. */
  readonly groupId: GroupId | null;
}

export function encodeHandshake(handshake: Handshake): Uint8Array {
  const { clusterName, from, to, address, groupId } = handshake;
  const texts = [clusterName, from, to, address];
  for (const text of texts) assert(fitsAsName(text), "a name is empty or too long", { text });
  const id = groupId ?? "";
  const writer = new FrameWriter(texts.reduce((size, text) => size + textSize(text), 9 + textSize(id)));
  writer.byte(HANDSHAKE_CODE);
  writer.uint32(MAGIC);
  writer.uint32(PROTOCOL_VERSION);
  for (const text of texts) writer.text(text);
  writer.text(id);
  return writer.frame;
}

/** True for a frame that says who speaks, well-formed or not. */
export function isHandshake(frame: Uint8Array): boolean {
  return frame[0] === HANDSHAKE_CODE;
}

/**
 * What the speaker says of itself, if it speaks of our cluster and means us; else the reason to hang up. Whether it is
 * a member is not asked: a member that joins does not know the others yet, and who may vote or lead is the core's
 * business.
 */
export function acceptHandshake(
  frame: Uint8Array,
  expected: { readonly clusterName: string; readonly self: MemberId },
): Result<Handshake, string> {
  const reader = new FrameReader(frame);
  if (reader.byte() !== HANDSHAKE_CODE || reader.uint32() !== MAGIC) return err("not a member's handshake");
  const version = reader.uint32();
  if (version !== PROTOCOL_VERSION) return err(`protocol version ${version}, not ${PROTOCOL_VERSION}`);
  const clusterName = reader.text();
  const from = asId<MemberId>(reader.text());
  const to = asId<MemberId>(reader.text());
  const address = reader.text();
  const id = reader.text();
  const groupId = isGroupId(id) ? id : null;
  if (!reader.isDone() || from === "" || address === "" || id !== (groupId ?? "")) {
    return err("malformed handshake");
  }
  if (clusterName !== expected.clusterName) return err(`cluster "${clusterName}"`);
  if (to !== expected.self) return err(`meant for member "${to}"`);
  if (from === expected.self) return err("our own name");
  return ok({ clusterName, from, to, address, groupId });
}
