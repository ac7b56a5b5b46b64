// Messages as frames, by hand: a kind, the term, then the fields in the order of messages.ts. Entries carry no index,
// it follows from `prevIndex`; members are known from the connection's handshake (handshake.ts).
import { assert, assertNever } from "../kernel/assert.ts";
import { asIndex, asTerm, type MemberId } from "../kernel/ids.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import { ENTRY_BYTES_MAX, MESSAGE_ENTRIES_MAX } from "./limits.ts";
import { decodeMembershipEntry, packMembership, unpackMembership } from "./membership-entry.ts";
import type { Append, Message, SnapshotChunk } from "./messages.ts";
import { type Entry, MEMBERSHIP_ENTRY_TAG, type SnapshotMeta } from "./types.ts";
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
  "heal-request": 28,
  "heal-target": 29,
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

/** Whether two messages, to different members, are the same bytes. Only entries are worth the question. */
export function haveSameFrame(one: Message, other: Message): boolean {
  return (
    one.kind === "append" &&
    other.kind === "append" &&
    one.term === other.term &&
    one.prevIndex === other.prevIndex &&
    one.prevTerm === other.prevTerm &&
    one.commit === other.commit &&
    one.entries.length === other.entries.length &&
    one.entries.every((entry, at) => entry === other.entries[at])
  );
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
      return 10;
    case "vote":
      return 17;
    case "vote-reply":
      return 2;
    case "append":
      return 28 + entriesSize(message.entries);
    case "append-accepted":
      return 8;
    case "append-rejected":
      return 24;
    case "heartbeat":
      return 16;
    case "heartbeat-reply":
      return 16;
    case "snapshot-chunk":
      return (
        33 + packMembership(message.meta.membership).length + textSize(message.digest) + message.bytes.length
      );
    case "snapshot-progress":
      return 16;
    case "timeout-now":
      return 0;
    case "heal-request":
      return 17;
    case "heal-target":
      return 16;
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
      writeFlags(writer, message.granted, message.amnesia);
      break;
    case "vote":
      writeWholes(writer, message.lastIndex, message.lastTerm);
      writer.byte(message.transfer ? 1 : 0);
      break;
    case "vote-reply":
      writeFlags(writer, message.granted, message.amnesia);
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
      writeWholes(writer, message.round, message.promiseMs);
      break;
    case "snapshot-chunk":
      writeChunk(writer, message);
      break;
    case "snapshot-progress":
      writeWholes(writer, message.index, message.offset);
      break;
    case "timeout-now":
      break;
    case "heal-request":
      writeFlags(writer, message.amnesia);
      writeWholes(writer, message.round, message.nonce);
      break;
    case "heal-target":
      writeWholes(writer, message.index, message.nonce);
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
      return { kind, ...envelope, forTerm: term(), granted: reader.flag(), amnesia: reader.flag() };
    case "vote":
      return { kind, ...envelope, lastIndex: index(), lastTerm: term(), transfer: reader.flag() };
    case "vote-reply":
      return { kind, ...envelope, granted: reader.flag(), amnesia: reader.flag() };
    case "append":
      return readAppend(reader, envelope);
    case "append-accepted":
      return { kind, ...envelope, match: index() };
    case "append-rejected":
      return { kind, ...envelope, prevIndex: index(), hintIndex: index(), hintTerm: term() };
    case "heartbeat":
      return { kind, ...envelope, commit: index(), round: reader.whole() };
    case "heartbeat-reply":
      return { kind, ...envelope, round: reader.whole(), promiseMs: reader.whole() };
    case "snapshot-chunk":
      return readChunk(reader, envelope);
    case "snapshot-progress":
      return { kind, ...envelope, index: index(), offset: reader.whole() };
    case "timeout-now":
      return { kind, ...envelope };
    case "heal-request":
      return { kind, ...envelope, amnesia: reader.flag(), round: reader.whole(), nonce: reader.whole() };
    case "heal-target":
      return { kind, ...envelope, index: index(), nonce: reader.whole() };
    default:
      return assertNever(kind);
  }
}

function writeWholes(writer: FrameWriter, ...values: readonly number[]): void {
  for (const value of values) writer.whole(value);
}

function writeFlags(writer: FrameWriter, ...flags: readonly boolean[]): void {
  for (const flag of flags) writer.byte(flag ? 1 : 0);
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
    if (term < lowest || term > envelope.term || !isWellFormed(payload)) return null;
    lowest = term;
    entries.push({ index: asIndex(prevIndex + i), term, payload });
  }
  return { kind: "append", ...envelope, prevIndex, prevTerm, commit, entries };
}

function isWellFormed(payload: Uint8Array): boolean {
  if (payload[0] === MEMBERSHIP_ENTRY_TAG) return decodeMembershipEntry(payload) !== null;
  return payload.length <= ENTRY_BYTES_MAX;
}

function writeChunk(writer: FrameWriter, message: SnapshotChunk): void {
  writeWholes(writer, message.meta.index, message.meta.term);
  writer.bytes(packMembership(message.meta.membership));
  writer.text(message.digest);
  writer.whole(message.offset);
  writer.bytes(message.bytes);
  writer.byte(message.done ? 1 : 0);
}

function readChunk(reader: FrameReader, envelope: Envelope): SnapshotChunk | null {
  const meta = readMeta(reader);
  const digest = reader.text();
  const offset = reader.whole();
  const bytes = reader.bytes();
  const done = reader.flag();
  return meta === null ? null : { kind: "snapshot-chunk", ...envelope, meta, digest, offset, bytes, done };
}

function readMeta(reader: FrameReader): SnapshotMeta | null {
  const index = asIndex(reader.whole());
  const term = asTerm(reader.whole());
  const membership = unpackMembership(reader.bytes());
  return membership === null ? null : { index, term, membership };
}
