// What of this member's log and votes is durable, and which messages wait for it (io.ts, order law).
import { assert } from "../kernel/assert.ts";
import { asIndex, type LogIndex, type MemberId } from "../kernel/ids.ts";
import { noteTruncated, replaceHistory } from "./configurations.ts";
import { entriesBetween, lastIndex, truncateFrom } from "./entry-log.ts";
import { isHealingOnDisk, noteMatch } from "./healing.ts";
import type { Output } from "./io.ts";
import { WITHHELD_MESSAGES_MAX } from "./limits.ts";
import type { Message } from "./messages.ts";
import type { RaftState, WithheldMessage } from "./state.ts";
import type { SnapshotMeta } from "./types.ts";

/** Stands for "after the write of this very step, or the last one issued": resolved by issueWrite. */
const THIS_STEP = Number.POSITIVE_INFINITY;

/** Sends once everything that the log and the hard state say now is durable. While the disk hangs not all is kept. */
export function sendDurable(state: RaftState, message: Message): void {
  const { withheld } = state.durability;
  if (withheld.length >= WITHHELD_MESSAGES_MAX || isAskedAlready(withheld, message)) return;
  withheld.push({ afterWrite: THIS_STEP, message });
}

/** Says, once it is durable, that our log agrees with the leader's up to `match`. */
export function acknowledge(state: RaftState, leader: MemberId, match: LogIndex): void {
  noteMatch(state, match);
  sendDurable(state, { kind: "append-accepted", from: state.self, to: leader, term: state.term, match });
}

/** Removes the entries from `first` on, also from what is said to be durable. */
export function truncateLog(state: RaftState, first: LogIndex): void {
  assert(first > state.commit, "a committed entry is never truncated", { first, commit: state.commit });
  truncateFrom(state.log, first);
  noteTruncated(state, first);
  const before = asIndex(first - 1);
  const { durability } = state;
  if (durability.durableIndex > before) durability.durableIndex = before;
  if (durability.unwrittenFrom > first) durability.unwrittenFrom = first;
  for (const write of durability.pending) if (write.lastIndex > before) write.lastIndex = before;
}

/** Replaces the log by a snapshot's end; nothing after it is durable. */
export function resetLog(state: RaftState, meta: SnapshotMeta): void {
  state.log = { baseIndex: meta.index, baseTerm: meta.term, entries: [] };
  replaceHistory(state, [{ index: meta.index, membership: meta.membership }]);
  const { durability } = state;
  durability.durableIndex = asIndex(Math.min(durability.durableIndex, meta.index));
  durability.unwrittenFrom = asIndex(meta.index + 1);
  for (const write of durability.pending) {
    write.lastIndex = asIndex(Math.min(write.lastIndex, meta.index));
  }
}

/** Ends a step: gathers what changed into one write and ties the messages of this step to it. */
export function issueWrite(state: RaftState, out: Output, resetTo: SnapshotMeta | null): void {
  const { durability } = state;
  const end = lastIndex(state.log);
  const hardState = { term: state.term, votedFor: state.votedFor, healing: isHealingOnDisk(state) };
  const { written } = durability;
  const changed =
    hardState.term !== written.term ||
    hardState.votedFor !== written.votedFor ||
    hardState.healing !== written.healing;
  if (changed || durability.unwrittenFrom <= end || resetTo !== null) {
    const entries =
      durability.unwrittenFrom <= end ? entriesBetween(state.log, durability.unwrittenFrom, end) : [];
    durability.lastWrite++;
    durability.written = hardState;
    durability.unwrittenFrom = asIndex(end + 1);
    durability.pending.push({ number: durability.lastWrite, lastIndex: end, issuedAt: state.now });
    out.write = { number: durability.lastWrite, hardState: changed ? hardState : null, entries, resetTo };
  }
  tieWithheld(state);
  release(state, out);
}

/** Takes the report that writes are durable. */
export function notePersisted(state: RaftState, write: number): void {
  const { durability } = state;
  assert(write <= durability.lastWrite, "a write that was never issued cannot be durable", { write });
  while (durability.pending[0] !== undefined && durability.pending[0].number <= write) {
    const done = durability.pending.shift();
    if (done !== undefined && done.lastIndex > durability.durableIndex) {
      durability.durableIndex = done.lastIndex;
    }
  }
}

/** The number after whose write all of the present state is durable. */
export function durableThrough(state: RaftState): number {
  return state.durability.pending[0] === undefined
    ? state.durability.lastWrite
    : state.durability.pending[0].number - 1;
}

/** True if storage has left a write unanswered for longer than this. */
export function isStalled(state: RaftState, ticks: number): boolean {
  const oldest = state.durability.pending[0];
  return oldest !== undefined && state.now - oldest.issuedAt > ticks;
}

/** A candidate asks again at every heartbeat; what waits already says the same. */
function isAskedAlready(withheld: readonly WithheldMessage[], message: Message): boolean {
  if (message.kind !== "vote") return false;
  return withheld.some(
    ({ message: { kind, to, term } }) => kind === "vote" && to === message.to && term === message.term,
  );
}

function tieWithheld(state: RaftState): void {
  const { withheld, lastWrite } = state.durability;
  for (let i = withheld.length - 1; i >= 0 && withheld[i]?.afterWrite === THIS_STEP; i--) {
    const held = withheld[i];
    if (held !== undefined) withheld[i] = { afterWrite: lastWrite, message: held.message };
  }
}

function release(state: RaftState, out: Output): void {
  const { withheld } = state.durability;
  const durable = durableThrough(state);
  let count = 0;
  for (const held of withheld) {
    if (held.afterWrite > durable) break;
    if (!isOvertaken(state, held.message, withheld[count + 1], durable)) out.messages.push(held.message);
    count++;
  }
  if (count > 0) withheld.splice(0, count);
}

/** An acknowledgement is overtaken by a later one to the same leader, a request for votes by the end of its term. */
function isOvertaken(
  state: RaftState,
  message: Message,
  following: { readonly afterWrite: number; readonly message: Message } | undefined,
  durable: number,
): boolean {
  if (message.kind === "vote") return message.term !== state.term;
  if (message.kind !== "append-accepted" || following === undefined || following.afterWrite > durable) {
    return false;
  }
  const later = following.message;
  return (
    later.kind === "append-accepted" &&
    later.to === message.to &&
    later.term === message.term &&
    later.match >= message.match
  );
}
