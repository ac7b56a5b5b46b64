// Proposals and reads of one turn of the event loop go to the core together: one append per follower, one write, one
// round of heartbeats for all of them.
import { asIndex, type LogIndex } from "../kernel/ids.ts";
import { ENTRY_MEMORY_BYTES, GATHERED_READS_MAX, PROPOSAL_ROUNDS_MAX } from "./limits.ts";

/** Payloads that were accepted and promised an index, and that the core has not seen yet. */
export class ProposalGatherer {
  private payloads: Uint8Array[] = [];
  private bytes = 0;
  private scheduled = false;
  private readonly hand: (payloads: readonly Uint8Array[]) => void;
  private readonly roundsUnderWay: () => number;

  /** @param hand gives payloads to the core @param roundsUnderWay writes of the core that are not durable yet */
  constructor(hand: (payloads: readonly Uint8Array[]) => void, roundsUnderWay: () => number) {
    this.hand = hand;
    this.roundsUnderWay = roundsUnderWay;
  }

  pendingBytes(): number {
    return this.bytes;
  }

  /** @param last the last index of the core's log @returns the index that the payload will have */
  add(payload: Uint8Array, last: LogIndex): LogIndex {
    this.payloads.push(payload);
    this.bytes += payload.length + ENTRY_MEMORY_BYTES;
    if (!this.scheduled) {
      this.scheduled = true;
      void Promise.resolve().then(() => {
        this.scheduled = false;
        this.flush();
      });
    }
    return asIndex(last + this.payloads.length);
  }

  /** Hands over what has gathered, unless so many rounds are under way that the next one had better be larger. */
  flush(force = false): void {
    if (this.payloads.length === 0) return;
    if (!force && this.roundsUnderWay() >= PROPOSAL_ROUNDS_MAX) return;
    const payloads = this.payloads;
    this.clear();
    this.hand(payloads);
  }

  /** Leadership is lost, and with it what was promised. */
  clear(): void {
    this.payloads = [];
    this.bytes = 0;
  }
}

export class ReadIndexError extends Error {
  readonly reason: "not-leader" | "overloaded" | "stopped";

  constructor(reason: "not-leader" | "overloaded" | "stopped") {
    super(`the read cannot be confirmed: ${reason}`);
    this.name = "ReadIndexError";
    this.reason = reason;
  }
}

interface PendingRead {
  readonly resolve: (index: LogIndex) => void;
  readonly reject: (error: ReadIndexError) => void;
}

/** Reads wait here for their turn, then for their round, then until their index is applied. */
export class ReadGatherer {
  private readonly hand: (ids: readonly number[]) => void;
  private readonly appliedIndex: () => LogIndex;
  private nextId = 1;
  private scheduled = false;
  private gathered: number[] = [];
  private asked = 0;
  private readonly reads: Map<number, PendingRead> = new Map();
  private confirmed: { readonly index: LogIndex; readonly read: PendingRead }[] = [];

  constructor(hand: (ids: readonly number[]) => void, appliedIndex: () => LogIndex) {
    this.hand = hand;
    this.appliedIndex = appliedIndex;
  }

  add(): Promise<LogIndex> {
    if (this.reads.size + this.confirmed.length >= GATHERED_READS_MAX)
      return Promise.reject(new ReadIndexError("overloaded"));
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.reads.set(id, { resolve, reject });
      this.gathered.push(id);
      this.schedule();
    });
  }

  /** The core's answer to one read. */
  settle(
    id: number,
    outcome: { ok: true; index: LogIndex } | { ok: false; reason: ReadIndexError["reason"] },
  ): void {
    const read = this.reads.get(id);
    if (read === undefined) return;
    this.reads.delete(id);
    this.asked--;
    if (outcome.ok) this.confirmed.push({ index: outcome.index, read });
    else read.reject(new ReadIndexError(outcome.reason));
    if (this.asked === 0) this.schedule();
    this.release();
  }

  /** Lets go the confirmed reads whose index is applied. */
  release(): void {
    if (this.confirmed.length === 0) return;
    const applied = this.appliedIndex();
    const ready = this.confirmed.filter(({ index }) => index <= applied);
    this.confirmed = this.confirmed.filter(({ index }) => index > applied);
    for (const { index, read } of ready) read.resolve(index);
  }

  /** Fails all that is left. */
  stop(): void {
    const left = [...this.reads.values(), ...this.confirmed.map(({ read }) => read)];
    this.reads.clear();
    this.confirmed = [];
    for (const read of left) read.reject(new ReadIndexError("stopped"));
  }

  private schedule(): void {
    if (this.scheduled || this.gathered.length === 0 || this.asked > 0) return;
    this.scheduled = true;
    void Promise.resolve().then(() => {
      this.scheduled = false;
      const ids = this.gathered;
      this.gathered = [];
      this.asked += ids.length;
      if (ids.length > 0) this.hand(ids);
    });
  }
}
