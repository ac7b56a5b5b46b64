// A pipeline over a real replica and a log that is a list: the test says when entries are committed.
import { asId, asIndex, asTerm, type LogIndex } from "../../../src/kernel/ids.ts";
import { Pipeline, type PipelineOptions } from "../../../src/master/pipeline.ts";
import { createReplica, type Replica } from "../../../src/master/replica.ts";
import type { Outcome } from "../../../src/master/types.ts";
import type { Command } from "../../../src/state/commands.ts";
import { decide } from "../../../src/state/decide.ts";
import type { Effect } from "../../../src/state/effects.ts";
import { digest } from "../../../src/state/snapshot.ts";
import { VirtualClock } from "../raft/support/virtual-clock.ts";
import { frameworkSpec, settings } from "../state/cluster.ts";

export class PipelineRig {
  readonly clock = new VirtualClock();
  readonly replica: Replica = createReplica(() => undefined);
  /** Payloads in the order of their indexes; the first has index 1. */
  readonly log: Uint8Array[] = [];
  /** Digest of the state at each entry, when it was proposed. */
  readonly digests: string[] = [];
  /** What came out, in order: effects and outcomes by the name of their command. */
  readonly out: string[] = [];
  readonly effects: Effect[] = [];
  readonly failures: unknown[] = [];
  readonly pipeline: Pipeline;
  /** False while the log is known to take nothing. */
  accepts = true;
  /** The log takes nothing. */
  refuses = false;

  constructor(options: Partial<PipelineOptions> = {}) {
    this.pipeline = new Pipeline({
      replica: this.replica,
      clock: this.clock,
      entryBytesMax: 1 << 20,
      bytesInFlightMax: 1 << 23,
      context: (now) => ({ now, settings, newClusterId: asId("cluster") }),
      decide,
      accepts: () => this.accepts,
      propose: (payload) => this.propose(payload),
      onProposed: () => void this.digests.push(digest(this.replica.state())),
      deliver: (effect) => {
        this.effects.push(effect);
        this.out.push(effect.to);
      },
      onFailure: (error) => void this.failures.push(error),
      ...options,
    });
  }

  submit(name: string, command: Command): void {
    this.pipeline.submit(command, (outcome) => void this.out.push(`${name} ${outcome.kind}`));
  }

  outcomeOf(command: Command): Promise<Outcome> {
    return new Promise((resolve) => this.pipeline.submit(command, resolve));
  }

  /** Lets everything that may be decided be decided. */
  async turn(): Promise<void> {
    await this.clock.advance(1);
  }

  commit(index = this.log.length): void {
    this.pipeline.onCommitted(asIndex(index));
  }

  /** A follower's digest at each entry of the log. */
  followersDigests(): string[] {
    const follower = createReplica(() => undefined);
    return this.log.map((payload, i) => {
      follower.applyEntry(asIndex(i + 1), payload);
      return digest(follower.state());
    });
  }

  private propose(payload: Uint8Array): LogIndex | null {
    return this.refuses ? null : asIndex(this.log.push(payload));
  }
}

export const lead: Command = { kind: "lead", memberId: asId("m1"), term: asTerm(1) };

/** A command whose event has about so many bytes. */
export function subscribe(stream: string, bytes = 0): Command {
  const wire = { name: "test", filling: "x".repeat(bytes) };
  return {
    kind: "subscribe",
    frameworkId: null,
    spec: frameworkSpec({ wire }),
    suppressedRoles: [],
    streamId: asId(stream),
  };
}

export function digestRecorded(index: number): Command {
  return { kind: "record-digest", index: asIndex(index), digest: "0" };
}
