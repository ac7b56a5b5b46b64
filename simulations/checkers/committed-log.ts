// Invariant 1: a committed event is never lost or changed. One log is gathered from what every member says is committed;
// and each member is held to it for ever.
import type { LogIndex } from "../../src/kernel/ids.ts";
import type { HistoryEntry, Master } from "../../src/master/types.ts";
import { type Entry, isOwn } from "../../src/raft/index.ts";
import { decodeEntry } from "../../src/state/codec.ts";
import type { Life } from "../event-loop.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("committed-log");

interface Seen {
  readonly life: Life;
  commitIndex: number;
}

export class CommittedLog {
  /** The newest index that any member has called committed. */
  highest = 0;
  readonly #entries = new Map<number, { readonly term: number; readonly payload: Uint8Array }>();
  readonly #seen = new Map<string, Seen>();
  readonly #onCommitted: (entry: HistoryEntry) => void;

  /** @param onCommitted called for each entry with events, in order, when the first member calls it committed */
  constructor(onCommitted: (entry: HistoryEntry) => void) {
    this.#onCommitted = onCommitted;
  }

  /** Looks at a member after something happened to it. */
  observe(member: string, life: Life, master: Master): void {
    const seen = this.#seenBy(member, life);
    const entries = master.entries((seen.commitIndex + 1) as LogIndex);
    if (entries.length === 0) return;
    for (const entry of entries) this.#compare(member, entry);
    seen.commitIndex = entries.at(-1)?.index ?? seen.commitIndex;
    this.highest = Math.max(this.highest, seen.commitIndex);
  }

  /** Undefined if no member has called it committed. */
  at(index: number): { readonly term: number; readonly payload: Uint8Array } | undefined {
    return this.#entries.get(index);
  }

  #seenBy(member: string, life: Life): Seen {
    const before = this.#seen.get(member);
    if (before?.life === life) return before;
    const fresh = { life, commitIndex: 0 };
    this.#seen.set(member, fresh);
    return fresh;
  }

  #compare(self: string, entry: Entry): void {
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
