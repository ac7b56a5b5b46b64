// Invariant 1: a committed event is never lost or changed. One log is gathered from what every member says is committed;
// each member is held to it for ever, and each new leader has to have all of it.
import type { LogIndex } from "../../src/kernel/ids.ts";
import type { HistoryEntry, Master, MasterStatus } from "../../src/master/types.ts";
import { type Entry, isOwn } from "../../src/raft/index.ts";
import { decodeEntry } from "../../src/state/codec.ts";
import type { Life } from "../event-loop.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("committed-log");

interface Seen {
  readonly life: Life;
  commitIndex: number;
}

interface Leader {
  readonly member: string;
  /** What was committed anywhere when it was first seen to lead. */
  readonly committedThen: number;
  complete: boolean;
}

export class CommittedLog {
  /** The newest index that any member has called committed. */
  highest = 0;
  readonly #entries = new Map<number, { readonly term: number; readonly payload: Uint8Array }>();
  readonly #leaders = new Map<number, Leader>();
  readonly #seen = new Map<string, Seen>();
  readonly #onCommitted: (entry: HistoryEntry) => void;

  /** @param onCommitted called for each entry with events, in order, when the first member calls it committed */
  constructor(onCommitted: (entry: HistoryEntry) => void) {
    this.#onCommitted = onCommitted;
  }

  /** Terms that had a leader. */
  terms(): number {
    return this.#leaders.size;
  }

  /** Looks at a member after something happened to it. @param roleChanged its role may be another since the last look */
  observe(member: string, life: Life, master: Master, roleChanged: boolean): void {
    const seen = this.#seenBy(member, life);
    const entries = master.entries((seen.commitIndex + 1) as LogIndex);
    if (!roleChanged && entries.length === 0) return;
    const status = master.status();
    this.#checkLeader(status);
    const { commitIndex } = status;
    check(commitIndex >= seen.commitIndex, "a commit index went backwards", () => ({ ...status, seen }));
    for (const entry of entries) this.#compare(status, entry);
    seen.commitIndex = commitIndex;
    this.highest = Math.max(this.highest, commitIndex);
  }

  #seenBy(member: string, life: Life): Seen {
    const before = this.#seen.get(member);
    if (before?.life === life) return before;
    const fresh = { life, commitIndex: 0 };
    this.#seen.set(member, fresh);
    return fresh;
  }

  #checkLeader(status: MasterStatus): void {
    if (status.role !== "leader") return;
    const { self, term, ready, commitIndex } = status;
    const known = this.#leaders.get(term);
    if (known === undefined) {
      this.#leaders.set(term, { member: self, committedThen: this.highest, complete: false });
      return;
    }
    check(known.member === self, "two leaders in one term", () => ({ term, one: known.member, two: self }));
    if (known.complete || !ready) return;
    known.complete = true;
    check(commitIndex >= known.committedThen, "a leader lacks what was committed before it", () => ({
      term,
      self,
      commitIndex,
      committedThen: known.committedThen,
    }));
  }

  #compare({ self }: MasterStatus, entry: Entry): void {
    const { index, term, payload } = entry;
    const known = this.#entries.get(index);
    if (known === undefined) {
      check(index > this.highest, "an entry appears where another or none was committed", () => ({
        self,
        index,
        term,
        highest: this.highest,
      }));
      this.#entries.set(index, { term, payload: payload.slice() });
      if (!isOwn(entry)) this.#onCommitted(decoded(entry));
      return;
    }
    const same = known.term === term && Buffer.compare(known.payload, payload) === 0;
    check(same, "a committed entry differs", () => ({
      self,
      index,
      term,
      knownTerm: known.term,
      bytes: [known.payload.length, payload.length],
    }));
  }
}

function decoded(entry: Entry): HistoryEntry {
  const { index, term, payload } = entry;
  const content = decodeEntry(payload);
  check(content.ok, "a committed entry cannot be read", () => ({ index, term }));
  return { index, term, ...content.value };
}
