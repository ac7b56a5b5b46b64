// One term in which this master leads: its pipeline, the deadlines, the allocation cycles and the policy. It begins when
// all of the log is applied and ends for good when another leads; what this master keeps for longer is in master.ts.
import type { ConstraintCache } from "../allocator/index.ts";
import { SlicedCycles } from "../allocator/index.ts";
import {
  asId,
  asMillis,
  type ClusterId,
  type LogIndex,
  type MemberId,
  type Millis,
  type Term,
} from "../kernel/ids.ts";
import { uuidFrom } from "../kernel/random.ts";
import { ENTRY_BYTES_MAX, UNCOMMITTED_BYTES_MAX } from "../raft/index.ts";
import type { Command, Context } from "../state/commands.ts";
import { hasExpired } from "../state/decide/deadlines.ts";
import { type Decision, decide } from "../state/decide.ts";
import type { Effect } from "../state/effects.ts";
import type { Event } from "../state/events.ts";
import type { ClusterState } from "../state/model.ts";
import { type Policy, policyChanges } from "../state/policy.ts";
import { AllocationSchedule } from "./allocation-schedule.ts";
import { asksForAllocation, offersIn } from "./allocation-triggers.ts";
import { DEADLINE_CHECK_MS } from "./limits.ts";
import type { MasterOptions } from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import type { Replica } from "./replica.ts";
import { Timers } from "./timers.ts";
import type { Outcome } from "./types.ts";

export interface OfficeOptions {
  readonly master: MasterOptions;
  readonly term: Term;
  readonly replica: Replica;
  readonly constraintCache: ConstraintCache;
  /** False while Raft takes nothing. */
  accepts(): boolean;
  /** @returns the index of the entry; null if it is refused */
  propose(payload: Uint8Array): LogIndex | null;
  /** Events were evolved and handed to Raft. */
  onProposed(): void;
  deliver(effect: Effect): void;
  /** The event that says who leads is committed, and commands are taken. */
  onLeading(): void;
  onFailure(error: unknown): void;
}

export class Office {
  private readonly options: OfficeOptions;
  private readonly pipeline: Pipeline;
  private readonly timers: Timers;
  private readonly allocation: AllocationSchedule;
  private readonly cycles: SlicedCycles = new SlicedCycles();
  private phase: "begun" | "leading" | "over" = "begun";
  /** What was last said to be set; null = to be said again. */
  private policy: Policy | null = null;

  constructor(options: OfficeOptions) {
    this.options = options;
    const { clock } = options.master;
    this.timers = new Timers(clock);
    this.allocation = new AllocationSchedule(
      clock,
      () => this.state().policy.allocationIntervalMs,
      () => this.allocate(),
    );
    this.pipeline = this.createPipeline();
  }

  /** The first event of the term says who leads, then commands are taken. */
  begin(): void {
    this.pipeline.submit(this.leadCommand(), (outcome) => {
      if (outcome.kind === "done" && this.phase === "begun") this.beginToLead();
    });
  }

  get isLeading(): boolean {
    return this.phase === "leading";
  }

  order(command: Command, done: (outcome: Outcome) => void): void {
    this.pipeline.submit(command, done);
  }

  /** A command of this master itself. */
  submitOwn(command: Command): void {
    this.pipeline.submit(command, ({ kind }) => {
      if (kind === "overloaded")
        this.options.master.tracer.warn("own command not taken", { command: command.kind });
    });
  }

  /** Resolves to whether all that is evolved by now came to be committed in this term. */
  settled(): Promise<boolean> {
    return new Promise((resolve) => this.pipeline.whenSettled(resolve));
  }

  onCommitted(index: LogIndex): void {
    this.pipeline.onCommitted(index);
  }

  /** Nobody waits for it any longer. */
  abandon(leader: MemberId | null): void {
    this.phase = "over";
    this.allocation.stop();
    this.timers.cancelAll();
    this.pipeline.abandon({ kind: "not-leader", leader });
  }

  private createPipeline(): Pipeline {
    const { master, replica, accepts, propose, deliver, onFailure } = this.options;
    return new Pipeline({
      replica,
      clock: master.clock,
      entryBytesMax: ENTRY_BYTES_MAX,
      bytesInFlightMax: (master.tuning?.raft?.uncommittedBytesMax ?? UNCOMMITTED_BYTES_MAX) / 2,
      context: (now) => this.context(now),
      decide: (state, command, context) => this.decide(state, command, context),
      accepts,
      propose,
      onProposed: (_index, events) => this.onProposed(events),
      deliver,
      onFailure,
    });
  }

  private state(): ClusterState {
    return this.options.replica.state();
  }

  private leadCommand(): Command {
    const { master, term } = this.options;
    const lead = { kind: "lead", memberId: master.self, term } as const;
    this.policy = master.policy?.() ?? null;
    if (this.policy === null) return lead;
    this.sayWhatChanges(this.policy);
    return { ...lead, policy: this.policy };
  }

  /** Masters with other flags than one another take turns in changing the policy: nobody wants that. */
  private sayWhatChanges(policy: Policy): void {
    const { self, tracer } = this.options.master;
    const { leader, policy: before } = this.state();
    const settings = Object.keys(policyChanges(before, policy));
    if (leader === null || settings.length === 0) return;
    if (leader.memberId === self) tracer.info("policy changes", { settings });
    else tracer.warn("policy differs from the last leader's", { settings, leader: leader.memberId });
  }

  private followPolicy(): void {
    const policy = this.options.master.policy?.() ?? null;
    if (policy === null || policy === this.policy) return;
    this.pipeline.submit({ kind: "set-policy", policy }, ({ kind }) => {
      if (kind === "overloaded") this.policy = null;
    });
    this.policy = policy;
  }

  private beginToLead(): void {
    this.phase = "leading";
    this.options.onLeading();
    this.recordDigest();
    this.timers.every(DEADLINE_CHECK_MS, () => {
      this.followPolicy();
      this.expire();
    });
    this.timers.every(this.state().policy.allocationIntervalMs, () => this.allocation.ask());
  }

  /** A checkpoint that was finished while nobody led is compared all the same. */
  private recordDigest(): void {
    const own = this.options.replica.unrecordedDigest();
    if (own !== null) this.submitOwn({ kind: "record-digest", ...own });
  }

  private onProposed(events: readonly Event[]): void {
    this.options.onProposed();
    if (events.some(asksForAllocation)) this.allocation.ask();
  }

  private allocate(): void {
    this.pipeline.submit({ kind: "allocate" }, ({ kind }) => {
      if (kind === "overloaded") this.allocation.refused();
    });
  }

  private decide(state: ClusterState, command: Command, context: Context): Decision {
    if (command.kind !== "allocate") return decide(state, command, context);
    const { clock } = this.options.master;
    const started = clock.monotonicMs();
    const decision = decide(state, command, context);
    this.allocation.done({
      tookMs: clock.monotonicMs() - started,
      offers: offersIn(decision),
      isUnderWay: this.cycles.isUnderWay,
    });
    return decision;
  }

  private context(now: Millis): Context {
    const { constraintCache, master } = this.options;
    const { settings, random } = master;
    return {
      now,
      settings,
      constraintCache,
      cycles: this.cycles,
      get newClusterId() {
        return asId<ClusterId>(uuidFrom(random));
      },
    };
  }

  private expire(): void {
    const state = this.state();
    const now = asMillis(Math.max(state.time, this.options.master.clock.wallMs()));
    if (hasExpired(state, now)) this.submitOwn({ kind: "expire" });
  }
}
