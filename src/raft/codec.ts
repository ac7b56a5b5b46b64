// Messages as frames, by hand: a kind, the term, then the fields in the order of messages.ts. Entries carry no index,
// it follows from `prevIndex`; members are known from the connection's handshake (handshake.ts).
import { assert, assertNever } from "../kernel/assert.ts";
import { asId, asIndex, asTerm, type MemberId } from "../kernel/ids.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import { ENTRY_BYTES_MAX, MEMBERS_MAX, MESSAGE_ENTRIES_MAX } from "./limits.ts";
import type { Append, Message, SnapshotChunk } from "./messages.ts";
import type { Entry, Membership, SnapshotMeta } from "./types.ts";
import { FrameReader, FrameWriter, textSize } from "./wire-buffer.ts";

/** The numbers on the wire; a new kind takes a new number, and none is used again. */
const CODES: { readonly [Kind in Message["kind"]]: number } = {
  "pre-vote": 16,
  "pre-vote-reply": 17,
  vote: 18,
  "vote-reply": 19,
  append: 20,
  "append-accepted": 21,
  "append-rejected": 22,
  heartbeat: 23,
  "heartbeat-reply": 24,
  "snapshot-chunk": 25,
  "snapshot-progress": 26,
  "timeout-now": 27,
};
const KINDS: ReadonlyMap<number, Message["kind"]> = new Map(
  Object.entries(CODES).map(([kind, code]) => [code, kind as Message["kind"]]),
);
const HEAD_BYTES = 9;
const ENTRY_HEAD_BYTES = 12;

/** A message without its envelope's members. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new FrameWriter(HEAD_BYTES + bodySize(message));
  writer.byte(CODES[message.kind]);
  writer.whole(message.term);
  writeBody(writer, message);
  assert(writer.isFull(), "a frame has the size that was announced", { kind: message.kind });
  return writer.frame;
}

/** The message in a frame from a known member, or what is wrong with it. Payloads are views of the frame. */
export function decodeMessage(frame: Uint8Array, from: MemberId, to: MemberId): Result<Message, string> {
  const reader = new FrameReader(frame);
  const kind = KINDS.get(reader.byte());
  if (kind === undefined) return err("unknown kind of message");
  const message = readBody(reader, kind, { from, to, term: asTerm(reader.whole()) });
  return message !== null && reader.isDone() ? ok(message) : err(`malformed ${kind}`);
}

function bodySize(message: Message): number {
  switch (message.kind) {
    case "pre-vote":
      return 24;
    case "pre-vote-reply":
      return 9;
    case "vote":
      return 17;
    case "vote-reply":
      return 1;
    case "append":
      return 28 + entriesSize(message.entries);
    case "append-accepted":
      return 8;
    case "append-rejected":
      return 24;
    case "heartbeat":
      return 16;
    case "heartbeat-reply":
      return 8;
    case "snapshot-chunk":
      return metaSize(message.meta) + 8 + 4 + message.bytes.length + 1;
    case "snapshot-progress":
      return 16;
    case "timeout-now":
      return 0;
    default:
      return assertNever(message);
  }
}

function writeBody(writer: FrameWriter, message: Message): void {
  switch (message.kind) {
    case "pre-vote":
      writeWholes(writer, message.forTerm, message.lastIndex, message.lastTerm);
      break;
    case "pre-vote-reply":
      writer.whole(message.forTerm);
      writer.byte(message.granted ? 1 : 0);
      break;
    case "vote":
      writeWholes(writer, message.lastIndex, message.lastTerm);
      writer.byte(message.transfer ? 1 : 0);
      break;
    case "vote-reply":
      writer.byte(message.granted ? 1 : 0);
      break;
    case "append":
      writeAppend(writer, message);
      break;
    case "append-accepted":
      writer.whole(message.match);
      break;
    case "append-rejected":
      writeWholes(writer, message.prevIndex, message.hintIndex, message.hintTerm);
      break;
    case "heartbeat":
      writeWholes(writer, message.commit, message.round);
      break;
    case "heartbeat-reply":
      writer.whole(message.round);
      break;
    case "snapshot-chunk":
      writeChunk(writer, message);
      break;
    case "snapshot-progress":
      writeWholes(writer, message.index, message.offset);
      break;
    case "timeout-now":
      break;
    default:
      assertNever(message);
  }
}

type Envelope = Pick<Message, "from" | "to" | "term">;

function readBody(reader: FrameReader, kind: Message["kind"], envelope: Envelope): Message | null {
  const index = () => asIndex(reader.whole());
  const term = () => asTerm(reader.whole());
  switch (kind) {
    case "pre-vote":
      return { kind, ...envelope, forTerm: term(), lastIndex: index(), lastTerm: term() };
    case "pre-vote-reply":
      return { kind, ...envelope, forTerm: term(), granted: reader.flag() };
    case "vote":
      return { kind, ...envelope, lastIndex: index(), lastTerm: term(), transfer: reader.flag() };
    case "vote-reply":
      return { kind, ...envelope, granted: reader.flag() };
    case "append":
      return readAppend(reader, envelope);
    case "append-accepted":
      return { kind, ...envelope, match: index() };
    case "append-rejected":
      return { kind, ...envelope, prevIndex: index(), hintIndex: index(), hintTerm: term() };
    case "heartbeat":
      return { kind, ...envelope, commit: index(), round: reader.whole() };
    case "heartbeat-reply":
      return { kind, ...envelope, round: reader.whole() };
    case "snapshot-chunk":
      return readChunk(reader, envelope);
    case "snapshot-progress":
      return { kind, ...envelope, index: index(), offset: reader.whole() };
    case "timeout-now":
      return { kind, ...envelope };
    default:
      return assertNever(kind);
  }
}

function writeWholes(writer: FrameWriter, ...values: readonly number[]): void {
  for (const value of values) writer.whole(value);
}

function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += ENTRY_HEAD_BYTES + entry.payload.length;
  return size;
}

function writeAppend(writer: FrameWriter, message: Append): void {
  writeWholes(writer, message.prevIndex, message.prevTerm, message.commit);
  writer.uint32(message.entries.length);
  for (const entry of message.entries) {
    writer.whole(entry.term);
    writer.bytes(entry.payload);
  }
}

function readAppend(reader: FrameReader, envelope: Envelope): Append | null {
  const prevIndex = asIndex(reader.whole());
  const prevTerm = asTerm(reader.whole());
  const commit = asIndex(reader.whole());
  const count = reader.uint32();
  if (count > MESSAGE_ENTRIES_MAX) return null;
  const entries: Entry[] = [];
  let lowest: number = prevTerm;
  for (let i = 1; i <= count && reader.ok; i++) {
    const term = asTerm(reader.whole());
    const payload = reader.bytes();
    if (term < lowest || term > envelope.term || payload.length > ENTRY_BYTES_MAX) return null;
    lowest = term;
    entries.push({ index: asIndex(prevIndex + i), term, payload });
  }
  return { kind: "append", ...envelope, prevIndex, prevTerm, commit, entries };
}

function writeChunk(writer: FrameWriter, message: SnapshotChunk): void {
  writeMeta(writer, message.meta);
  writer.whole(message.offset);
  writer.bytes(message.bytes);
  writer.byte(message.done ? 1 : 0);
}

function readChunk(reader: FrameReader, envelope: Envelope): SnapshotChunk | null {
  const meta = readMeta(reader);
  const offset = reader.whole();
  const bytes = reader.bytes();
  const done = reader.flag();
  return meta === null ? null : { kind: "snapshot-chunk", ...envelope, meta, offset, bytes, done };
}

function metaSize(meta: SnapshotMeta): number {
  const { voters, outgoing, learners } = meta.membership;
  return 16 + [voters, outgoing, learners].reduce((size, members) => size + membersSize(members), 0);
}

function membersSize(members: readonly MemberId[]): number {
  return members.reduce((size, member) => size + textSize(member), 1);
}

function writeMeta(writer: FrameWriter, meta: SnapshotMeta): void {
  writeWholes(writer, meta.index, meta.term);
  const { voters, outgoing, learners } = meta.membership;
  for (const members of [voters, outgoing, learners]) {
    writer.byte(members.length);
    for (const member of members) writer.text(member);
  }
}

function readMeta(reader: FrameReader): SnapshotMeta | null {
  const index = asIndex(reader.whole());
  const term = asTerm(reader.whole());
  const voters = readMembers(reader);
  const outgoing = readMembers(reader);
  const learners = readMembers(reader);
  if (voters === null || outgoing === null || learners === null || voters.length === 0) return null;
  const membership: Membership = { voters, outgoing, learners };
  return { index, term, membership };
}

function readMembers(reader: FrameReader): readonly MemberId[] | null {
  const count = reader.byte();
  if (count > MEMBERS_MAX) return null;
  const members: MemberId[] = [];
  for (let i = 0; i < count; i++) members.push(asId<MemberId>(reader.text()));
  return members;
}
