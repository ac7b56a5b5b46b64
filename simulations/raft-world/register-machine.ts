// The replicated state machine of this world: named registers. It tells its observer the digest of all that it has
// applied, so that any two members can be compared at any index.
import type { LogIndex, Term } from "../../src/kernel/ids.ts";
import { decodeMembership } from "../../src/master/membership-header.ts";
import type { Entry, RoleStatus, SnapshotMeta, StateMachine } from "../../src/raft/index.ts";

export interface MachineObserver {
  applied(index: LogIndex, digest: number): void;
  /** The state was replaced by a snapshot as of this index. */
  restored(index: LogIndex, digest: number): void;
  roleChanged(status: RoleStatus): void;
}

/** What a client waits for: the entry with this index, if it is of this term. */
export interface Waiting {
  readonly term: Term;
  settle(applied: boolean): void;
}

interface Content {
  readonly index: number;
  readonly digest: number;
  readonly values: readonly (readonly [string, number])[];
  readonly pad: string;
}

const utf8 = { encode: new TextEncoder(), decode: new TextDecoder() };

/** A write as an entry's payload. @param pad further bytes that mean nothing */
export function encodeWrite(key: string, value: number, pad: number): Uint8Array {
  return utf8.encode.encode(`${key} ${value} ${"x".repeat(pad)}`);
}

export class RegisterMachine implements StateMachine {
  readonly values = new Map<string, number>();
  index = 0;
  digest = 0;
  readonly #observer: MachineObserver;
  readonly #isOwn: (entry: Entry) => boolean;
  readonly #waiting = new Map<LogIndex, Waiting[]>();

  /** @param isOwn true for entries that are Raft's own and mean nothing to the state machine */
  constructor(observer: MachineObserver, isOwn: (entry: Entry) => boolean) {
    this.#observer = observer;
    this.#isOwn = isOwn;
  }

  /** Settled when an entry with this index is applied; never if a snapshot takes its place. */
  wait(index: LogIndex, waiting: Waiting): void {
    const others = this.#waiting.get(index);
    if (others === undefined) this.#waiting.set(index, [waiting]);
    else others.push(waiting);
  }

  applyCommitted(entries: readonly Entry[]): void {
    for (const entry of entries) this.#apply(entry);
  }

  async restore(_meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of chunks) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    const content = utf8.decode.decode(bytes.subarray(decodeMembership(bytes).end));
    const { index, digest, values } = JSON.parse(content) as Content;
    this.values.clear();
    for (const [key, value] of values) this.values.set(key, value);
    this.index = index;
    this.digest = digest;
    this.#observer.restored(index as LogIndex, digest);
  }

  onRoleChange(status: RoleStatus): void {
    this.#observer.roleChanged(status);
  }

  /** All of the state, in pieces. */
  *snapshot(padBytes: number): Generator<Uint8Array> {
    const { index, digest } = this;
    const content: Content = { index, digest, values: [...this.values], pad: "p".repeat(padBytes) };
    const bytes = utf8.encode.encode(JSON.stringify(content));
    for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
  }

  #apply(entry: Entry): void {
    this.index = entry.index;
    this.digest = mixed(this.digest, entry);
    if (!this.#isOwn(entry)) {
      const [key = "", value] = utf8.decode.decode(entry.payload).split(" ");
      this.values.set(key, Number(value));
    }
    this.#observer.applied(entry.index, this.digest);
    const waiting = this.#waiting.get(entry.index);
    if (waiting === undefined) return;
    this.#waiting.delete(entry.index);
    for (const { term, settle } of waiting) settle(term === entry.term);
  }
}

/** So much of a payload says what is written; the rest is padding. */
const MEANING_BYTES = 32;

/** FNV-1a over the digest before, the position and what is written. */
function mixed(digest: number, { index, term, payload }: Entry): number {
  let hash = Math.imul(Math.imul(digest ^ index, 0x01000193) ^ term, 0x01000193);
  for (const byte of payload.subarray(0, MEANING_BYTES)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
