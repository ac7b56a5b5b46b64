// The loop that puts log, consensus and state together: on a follower it applies what is committed; on the leader it
// runs the pipeline, the deadlines and the allocation cycles. All of the outside comes by ports, so the simulator runs
// this very code. Streams, HTTP and wire formats belong to the api.
import { WORK_PER_CYCLE_MAX } from "../allocator/constraints/limits.ts";
import { ConstraintCache, SlicedCycles } from "../allocator/index.ts";
import { InvariantError } from "../kernel/assert.ts";
import {
  asId,
  asIndex,
  asMillis,
  asTerm,
  type ClusterId,
  type LogIndex,
  type MemberId,
  type Millis,
} from "../kernel/ids.ts";
import { uuidFrom } from "../kernel/random.ts";
import { openLog } from "../log/index.ts";
import {
  createRaftNode,
  ENTRY_BYTES_MAX,
  type Entry,
  isOwn,
  type RaftNode,
  type RaftNodeOptions,
  type RoleStatus,
  TRAILING_ENTRIES_MAX,
  UNCOMMITTED_BYTES_MAX,
} from "../raft/index.ts";
import { decodeEntry } from "../state/codec.ts";
import type { Command, Context } from "../state/commands.ts";
import { hasExpired } from "../state/decide/deadlines.ts";
import { type Decision, decide } from "../state/decide.ts";
import type { Event } from "../state/events.ts";
import type { ClusterState } from "../state/model.ts";
import { type Policy, policyChanges } from "../state/policy.ts";
import { isTerminal } from "../state/statuses.ts";
import { AllocationSchedule } from "./allocation-schedule.ts";
import { Checkpoints } from "./checkpoints.ts";
import { DEADLINE_CHECK_MS, SNAPSHOT_INTERVAL_ENTRIES } from "./limits.ts";
import { LogStorage } from "./log-storage.ts";
import {
  Members,
  type MembershipChange,
  type MembersOutcome,
  type MemberView,
  type TransferOutcome,
} from "./members.ts";
import type { FatalCause, MasterOptions } from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import { repairWithPeers } from "./repair-choice.ts";
import { createReplica, type Replica, type ReplicaTuning } from "./replica.ts";
import { stateFrom, Turns } from "./restoring.ts";
import { Timers } from "./timers.ts";
import type { EffectSink, HistoryEntry, Master, MasterStatus, Outcome } from "./types.ts";

export type { FatalCause, MasterMember, MasterOptions } from "./options.ts";

/** What asks for an allocation cycle at once; all else waits for the next interval, as in Mesos (AL07). */
const ALLOCATION_TRIGGERS: ReadonlySet<Event["kind"]> = new Set([
  "FrameworkSubscribed",
  "FrameworkUpdated",
  "FrameworkRevived",
  "AgentRegistered",
  "AgentReregistered",
  "ExecutorExited",
] satisfies Event["kind"][]);

/** Of the statuses only those that may give resources back. */
function asksForAllocation(event: Event): boolean {
  if (event.kind === "TaskStatusUpdated") return isTerminal(event.latestState);
  return ALLOCATION_TRIGGERS.has(event.kind);
}

function offersIn(decision: Decision): number {
  const [made] = decision.kind === "accepted" ? decision.events : [];
  return made?.kind === "OffersMade" ? made.offers.length : 0;
}

/** Opens the log; `start` joins the cluster. @throws LogDamage if the data directory cannot be trusted */
export async function createMaster(options: MasterOptions): Promise<Master> {
  const { self, members, disk, directory, tracer, archive } = options;
  const founders = options.joining === true ? [] : members.map(({ id }) => id);
  const opened = await openLog({
    disk,
    directory,
    tracer,
    repair: repairWithPeers(self, founders),
    limits: options.tuning?.log ?? {},
    ...(archive === undefined ? {} : { archive }),
  });
  return new MasterLoop(options, await LogStorage.open(opened));
}

class MasterLoop implements Master {
  private readonly options: MasterOptions;
  private readonly storage: LogStorage;
  private readonly node: RaftNode;
  private readonly membership: Members;
  private readonly replica: Replica;
  private readonly constraintCache: ConstraintCache = new ConstraintCache({ workMax: WORK_PER_CYCLE_MAX });
  private readonly checkpoints: Checkpoints;
  private readonly snapshotInterval: number;
  private readonly timers: Timers;
  private sink: EffectSink | null = null;
  /** There is one from the moment this member has applied the whole log as leader until it leads no more. */
  private pipeline: Pipeline | null = null;
  /** The event that says so is committed, and commands are taken. */
  private leading = false;
  private role: RoleStatus = { role: "follower", term: asTerm(0), leader: null, ready: false };
  /** What the sink was told last while another member led; undefined at the start and while this one leads. */
  private toldLeader: MemberId | null | undefined;
  private rebuilding = false;
  private stopped = false;
  /** What was last said to be set; null = to be said again. */
  private policy: Policy | null = null;
  private readonly allocation: AllocationSchedule;
  /** Cut cycles of this term of office. */
  private cycles = new SlicedCycles();

  constructor(options: MasterOptions, storage: LogStorage) {
    this.options = options;
    this.storage = storage;
    this.snapshotInterval = options.tuning?.snapshotIntervalEntries ?? SNAPSHOT_INTERVAL_ENTRIES;
    this.timers = new Timers(options.clock);
    this.allocation = new AllocationSchedule(
      options.clock,
      () => this.state().policy.allocationIntervalMs,
      () => this.allocate(),
    );
    this.replica = createReplica(
      (index, own, leaders) =>
        this.fatal(`state digest at index ${index} is ${own}, the leader's is ${leaders}`, "diverged"),
      this.replicaTuning(),
    );
    this.checkpoints = this.createCheckpoints();
    this.node = createRaftNode(this.nodeOptions());
    this.membership = new Members(this.node, options.members, options.clock);
  }

  async start(): Promise<void> {
    await this.node.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.abandonOffice(null);
    await this.node.stop();
    await this.storage.close();
  }

  submit(command: Command): Promise<Outcome> {
    return new Promise((resolve) => this.order(command, resolve));
  }

  order(command: Command, done: (outcome: Outcome) => void): void {
    if (this.leading && this.pipeline !== null) this.pipeline.submit(command, done);
    else done({ kind: "not-leader", leader: this.otherLeader() });
  }

  status(): MasterStatus {
    const raft = this.node.status();
    return {
      self: this.options.self,
      role: raft.role,
      term: raft.term,
      leader: raft.leader,
      ready: this.leading,
      commitIndex: raft.commit,
      appliedIndex: raft.applied,
      lastIndex: raft.last,
      events: this.replica.state().eventCount,
      groupId: raft.groupId,
      archive: this.storage.archiveHealth(),
      members: this.membership.view(),
    };
  }

  state(): ClusterState {
    return this.replica.state();
  }

  async settled(): Promise<boolean> {
    const mine = this.pipeline;
    if (!this.leading || mine === null) return false;
    const committed = new Promise<boolean>((resolve) => mine.whenSettled(resolve));
    const confirmed = this.node.readIndex().then(
      () => true,
      () => false,
    );
    return (await committed) && (await confirmed) && this.pipeline === mine;
  }

  *history(from: LogIndex): Generator<HistoryEntry> {
    for (const { index, term, payload } of this.node.readCommitted(from)) {
      const entry = isOwn({ payload }) ? null : decodeEntry(payload);
      if (entry?.ok === true) yield { index, term, ...entry.value };
    }
  }

  members(): readonly MemberView[] {
    return this.membership.view();
  }

  changeMembers(change: MembershipChange): Promise<MembersOutcome> {
    return this.membership.change(change);
  }

  transferLeadership(to: MemberId | null): Promise<TransferOutcome> {
    return this.membership.transfer(to);
  }

  entries(from: LogIndex): readonly Entry[] {
    return this.node.readCommitted(from);
  }

  attach(sink: EffectSink): void {
    this.sink = sink;
  }

  private replicaTuning(): ReplicaTuning {
    const chunkUnitsMax = this.options.tuning?.snapshotChunkUnits;
    const intervalEntries = this.snapshotInterval;
    return { intervalEntries, ...(chunkUnitsMax === undefined ? {} : { chunkUnitsMax }) };
  }

  private nodeOptions(): RaftNodeOptions {
    const { self, members, clusterName, clock, random, network, tracer, tuning } = this.options;
    const { raftListenAddress, joining } = this.options;
    const own = members.find(({ id }) => id === self);
    return {
      self,
      members:
        joining === true
          ? []
          : members.map(({ raftAddress, ...rest }) => ({ ...rest, address: raftAddress })),
      ...(own === undefined ? {} : { address: own.raftAddress }),
      ...(raftListenAddress === undefined ? {} : { listenAddress: raftListenAddress }),
      clusterName,
      recovered: this.storage.recovered,
      clock,
      random,
      network,
      storage: this.storage,
      stateMachine: {
        applyCommitted: (entries) => this.applyCommitted(entries),
        restore: (meta, chunks) => this.restore(meta.index, chunks),
        onRoleChange: (status) => this.onRoleChange(status),
      },
      tracer,
      onFatal: (reason, cause) => this.fatal(reason, causeOf(cause)),
      tuning: { trailingEntriesMax: trailingEntries(this.snapshotInterval), ...tuning?.raft },
    };
  }

  private fatal(reason: string, cause: FatalCause): void {
    if (this.stopped) return;
    this.stopped = true;
    this.abandonOffice(null);
    this.options.tracer.error("fatal", { reason });
    this.options.onFatal(reason, cause);
  }

  private applyCommitted(entries: readonly Entry[]): void {
    const committed = entries.at(-1)?.index;
    if (this.rebuilding || committed === undefined) return;
    for (const entry of entries) this.applyOne(entry);
    this.pipeline?.onCommitted(committed);
    this.checkpoints.onCommitted(committed);
  }

  /** What the pipeline has evolved already is passed over. */
  private applyOne(entry: Entry): void {
    if (entry.index <= this.replica.index()) return;
    this.replica.applyEntry(entry.index, entry.payload);
    if (this.replica.isCheckpointDue()) this.checkpoints.due(true);
  }

  private createCheckpoints(): Checkpoints {
    const { replica } = this;
    return new Checkpoints(
      {
        replica,
        clock: this.options.clock,
        save: (index, chunks) => this.node.saveSnapshot(index, chunks),
        onDigest: (index, digest) => this.submitOwn({ kind: "record-digest", index, digest }),
        onFailure: (error) => this.fatal(`the snapshot could not be written: ${String(error)}`, "disk"),
      },
      this.storage.snapshot()?.index ?? asIndex(0),
    );
  }

  private async restore(index: LogIndex, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.replica.reset(index, await stateFrom(chunks, this.options.clock));
    this.checkpoints.restored(index);
  }

  private onRoleChange(status: RoleStatus): void {
    this.role = status;
    if (status.role === "leader") {
      if (status.ready) this.takeOffice();
    } else if (this.pipeline !== null) this.endLeading();
    else this.tellLeader(status.leader);
  }

  private tellLeader(leader: MemberId | null): void {
    if (this.stopped || this.toldLeader === leader) return;
    this.toldLeader = leader;
    this.sink?.onNotLeading(leader);
  }

  /** All of the log is applied; the first event of the term says who leads, then commands are taken. */
  private takeOffice(): void {
    if (this.pipeline !== null || this.rebuilding || this.stopped) return;
    const mine = new Pipeline({
      replica: this.replica,
      clock: this.options.clock,
      entryBytesMax: ENTRY_BYTES_MAX,
      bytesInFlightMax: (this.options.tuning?.raft?.uncommittedBytesMax ?? UNCOMMITTED_BYTES_MAX) / 2,
      context: (now) => this.context(now),
      decide: (state, command, context) => this.decide(state, command, context),
      accepts: () => this.node.acceptsProposals(),
      propose: (payload) => this.propose(payload),
      onProposed: (_index, events) => this.onProposed(events),
      deliver: (effect) => this.sink?.deliver(effect),
      onFailure: (error) => this.fatal(String(error), "bug"),
    });
    this.pipeline = mine;
    this.cycles = new SlicedCycles();
    mine.submit(this.leadCommand(), (outcome) => {
      if (outcome.kind === "done" && this.pipeline === mine) this.beginToLead();
    });
  }

  private leadCommand(): Command {
    const lead = { kind: "lead", memberId: this.options.self, term: this.role.term } as const;
    this.policy = this.options.policy?.() ?? null;
    if (this.policy === null) return lead;
    this.sayWhatChanges(this.policy);
    return { ...lead, policy: this.policy };
  }

  /** Masters with other flags than one another take turns in changing the policy: nobody wants that. */
  private sayWhatChanges(policy: Policy): void {
    const { leader, policy: before } = this.replica.state();
    const settings = Object.keys(policyChanges(before, policy));
    if (leader === null || settings.length === 0) return;
    if (leader.memberId === this.options.self) this.options.tracer.info("policy changes", { settings });
    else
      this.options.tracer.warn("policy differs from the last leader's", {
        settings,
        leader: leader.memberId,
      });
  }

  private followPolicy(): void {
    const policy = this.options.policy?.() ?? null;
    if (policy === null || policy === this.policy) return;
    this.pipeline?.submit({ kind: "set-policy", policy }, ({ kind }) => {
      if (kind === "overloaded") this.policy = null;
    });
    this.policy = policy;
  }

  private beginToLead(): void {
    this.leading = true;
    this.toldLeader = undefined;
    this.options.tracer.info("leading", { term: this.role.term, index: this.replica.index() });
    this.sink?.onLeading(this.role.term);
    this.recordDigest();
    this.timers.every(DEADLINE_CHECK_MS, () => {
      this.followPolicy();
      this.expire();
    });
    this.timers.every(this.state().policy.allocationIntervalMs, () => this.allocation.ask());
  }

  /** A checkpoint that was finished while nobody led is compared all the same. */
  private recordDigest(): void {
    const own = this.replica.unrecordedDigest();
    if (own !== null) this.submitOwn({ kind: "record-digest", ...own });
  }

  private endLeading(): void {
    const leader = this.role.leader;
    this.options.tracer.info("not leading", { term: this.role.term, leader });
    this.abandonOffice(leader);
    this.tellLeader(leader);
    if (this.replica.isAheadOf(this.node.status().applied)) void this.rebuild();
  }

  /** Nobody waits for this member's pipeline any longer; there is none until it leads again. */
  private abandonOffice(leader: MemberId | null): void {
    const left = this.pipeline;
    this.pipeline = null;
    this.leading = false;
    this.allocation.stop();
    this.timers.cancelAll();
    left?.abandon({ kind: "not-leader", leader });
  }

  /** The state is ahead of what is committed: begin again from snapshot and committed log, as after a restart. */
  private async rebuild(): Promise<void> {
    if (this.rebuilding) return;
    this.rebuilding = true;
    this.checkpoints.dropPending();
    try {
      while (this.rebuilding && !this.stopped) await this.replay();
    } catch (error) {
      this.fatal(`the state could not be rebuilt: ${String(error)}`, causeOf(error));
      return;
    }
    if (this.role.role === "leader" && this.role.ready) this.takeOffice();
  }

  /** To be repeated if a newer snapshot came in between, so that entries after the one that was read are gone. */
  private async replay(): Promise<void> {
    this.replica.reset(asIndex(0), null);
    await this.node.readSnapshot((meta, chunks) => this.restore(meta.index, chunks));
    const turns = new Turns(this.options.clock);
    while (!this.stopped) {
      const entries = this.node.readCommitted(asIndex(this.replica.index() + 1));
      const next = entries[0]?.index ?? this.node.status().commit + 1;
      if (next > this.replica.index() + 1) return;
      if (entries.length === 0) {
        this.rebuilding = false;
        return;
      }
      for (const entry of entries) {
        this.applyOne(entry);
        await turns.step();
        if (this.stopped) return;
      }
    }
  }

  private propose(payload: Uint8Array): LogIndex | null {
    const result = this.node.propose(payload);
    return result.ok ? result.index : null;
  }

  private onProposed(events: readonly Event[]): void {
    if (this.replica.isCheckpointDue()) this.checkpoints.due(false);
    if (events.some(asksForAllocation)) this.allocation.ask();
  }

  private allocate(): void {
    this.pipeline?.submit({ kind: "allocate" }, ({ kind }) => {
      if (kind === "overloaded") this.allocation.refused();
    });
  }

  private decide(state: ClusterState, command: Command, context: Context): Decision {
    if (command.kind !== "allocate") return decide(state, command, context);
    const started = this.options.clock.monotonicMs();
    const decision = decide(state, command, context);
    this.allocation.done({
      tookMs: this.options.clock.monotonicMs() - started,
      offers: offersIn(decision),
      isUnderWay: this.cycles.isUnderWay,
    });
    return decision;
  }

  private context(now: Millis): Context {
    const { settings, random } = this.options;
    return {
      now,
      settings,
      constraintCache: this.constraintCache,
      cycles: this.cycles,
      get newClusterId() {
        return asId<ClusterId>(uuidFrom(random));
      },
    };
  }

  private expire(): void {
    const state = this.replica.state();
    const now = asMillis(Math.max(state.time, this.options.clock.wallMs()));
    if (hasExpired(state, now)) this.submitOwn({ kind: "expire" });
  }

  private submitOwn(command: Command): void {
    this.pipeline?.submit(command, ({ kind }) => {
      if (kind === "overloaded") this.options.tracer.warn("own command not taken", { command: command.kind });
    });
  }

  private otherLeader(): MemberId | null {
    return this.role.leader === this.options.self ? null : this.role.leader;
  }
}

/** With snapshots often, few entries are kept in front of each: the log stays about one and a half intervals long. */
function trailingEntries(snapshotInterval: number): number {
  return Math.min(TRAILING_ENTRIES_MAX, Math.ceil(snapshotInterval / 2));
}

function causeOf(error: unknown): FatalCause {
  return error instanceof InvariantError ? "bug" : "disk";
}
