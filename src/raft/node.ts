// The driver: owns the core, feeds it what comes from clock, network, storage and callers, and carries out its effects
// in the order that io.ts demands. One input is processed at a time; effects that cause inputs queue them.
import { assert, present } from "../kernel/assert.ts";
import { asIndex, type GroupId, type LogIndex, type MemberId } from "../kernel/ids.ts";
import { Applier } from "./applier.ts";
import { Changing } from "./changing.ts";
import { membershipAt } from "./configurations.ts";
import { step } from "./core.ts";
import { entriesBetween, lastIndex, termAt, trailingBase } from "./entry-log.ts";
import { ProposalGatherer, ReadGatherer, ReadIndexError } from "./gatherers.ts";
import { foundsAlone, groupIdOf, groupToRemember } from "./group-id.ts";
import type { Input, Output } from "./io.ts";
import {
  coreTuning,
  DEFAULT_TUNING,
  ENTRY_BYTES_MAX,
  MEMBERS_MAX,
  type RaftTuning,
  SILENT_ELECTIONS_MAX,
} from "./limits.ts";
import { everyMember, isPlainFor, votersOnly } from "./membership.ts";
import { MembershipError } from "./membership-error.ts";
import type { ProposeResult, RaftNode, RaftNodeOptions, RoleStatus } from "./node-api.ts";
import { type PeerAddress, Peers } from "./peers.ts";
import { faultOf } from "./plausible.ts";
import { passQuietTicks, quietTicks } from "./quiet.ts";
import { type SnapshotData, SnapshotLane } from "./snapshot-lane.ts";
import { neededFrom, snapshotsBeingSent } from "./snapshots.ts";
import { continuesSnapshot, createState, knownLeader, type RaftState } from "./state.ts";
import { type RaftStatus, statusOf } from "./status.ts";
import { Ticker } from "./ticker.ts";
import type { Entry, Membership, MembershipChange, SnapshotMeta } from "./types.ts";
import { WriteQueue } from "./write-queue.ts";

export function createRaftNode(options: RaftNodeOptions): RaftNode {
  const { self, members, address } = options;
  assert(members.length <= MEMBERS_MAX, "too many members", { members: members.length });
  assert(
    address !== undefined || members.some(({ id }) => id === self),
    "a node that is none of the members knows its address",
  );
  return new Node(options);
}

class Node implements RaftNode {
  private readonly options: RaftNodeOptions;
  private readonly tuning: RaftTuning;
  private readonly core: RaftState;
  private readonly peers: Peers;
  private readonly writes: WriteQueue;
  private readonly lane: SnapshotLane;
  private readonly applier: Applier;
  private readonly proposals: ProposalGatherer;
  private readonly reads: ReadGatherer;
  private readonly changing: Changing;
  private readonly ticker: Ticker;
  private phase: "new" | "running" | "stopped" = "new";
  private inputs: Input[] = [];
  private busy = false;
  private ready = false;
  /** The group that is noted beside the log, or is about to be. */
  private remembered: GroupId | null;
  private onHandedOver: () => void = () => undefined;

  constructor(options: RaftNodeOptions) {
    this.options = options;
    this.remembered = options.recovered.groupId ?? null;
    this.tuning = { ...DEFAULT_TUNING, ...options.tuning };
    this.core = createState({
      self: options.self,
      membership: configuredMembership(options.members),
      recovered: options.recovered,
      tuning: coreTuning(this.tuning),
      random: options.random,
    });
    const { storage, stateMachine } = options;
    const feed = (input: Input): void => this.feed(input);
    const onFailure = (error: unknown): void => this.fatal(error);
    this.writes = new WriteQueue({
      storage,
      onPersisted: (write) => {
        feed({ kind: "persisted", write });
        this.proposals.flush();
      },
      onFailure,
    });
    this.lane = new SnapshotLane({
      storage,
      chunkBytes: this.tuning.snapshotChunkBytes,
      sending: () => snapshotsBeingSent(this.core),
      logReplaced: () => this.writes.replaced(),
      feed,
      onFailure,
    });
    this.applier = new Applier(asIndex(0), {
      clock: options.clock,
      apply: (entries) => stateMachine.applyCommitted(entries),
      onApplied: () => this.onApplied(),
      onFailure,
    });
    this.proposals = new ProposalGatherer(
      (payloads) => feed({ kind: "propose", payloads }),
      () => this.core.durability.pending.length,
    );
    this.reads = new ReadGatherer(
      (ids) => {
        // So that after a pause no lease is older than it seems.
        this.ticker.count();
        feed({ kind: "read-index", ids });
      },
      () => this.applier.applied(),
    );
    this.changing = new Changing((change) => {
      this.proposals.flush(true);
      feed({ kind: "change-membership", change });
    });
    this.ticker = this.createTicker();
    this.peers = this.createPeers();
  }

  async start(): Promise<void> {
    assert(this.phase === "new", "a node starts once");
    this.phase = "running";
    const { snapshot } = this.core;
    if (snapshot !== null) {
      await this.mendLog(snapshot);
      if (this.isStopped()) return;
      await this.restore(snapshot);
    }
    if (this.isStopped()) return;
    await this.peers.start();
    if (this.isStopped()) return;
    this.ticker.start(foundsAlone(this.core) ? this.tuning.foundingMs : 0);
  }

  propose(payload: Uint8Array): ProposeResult {
    assert(
      payload.length > 0 && payload.length <= ENTRY_BYTES_MAX,
      "an entry has 1 to ENTRY_BYTES_MAX bytes",
      {
        bytes: payload.length,
      },
    );
    const { role, term } = this.core;
    if (this.phase !== "running") return { ok: false, reason: "stopped", leader: null };
    if (role.kind !== "leader") return { ok: false, reason: "not-leader", leader: knownLeader(this.core) };
    if (!this.acceptsProposals()) {
      return { ok: false, reason: "overloaded", leader: this.options.self };
    }
    return { ok: true, index: this.proposals.add(payload, lastIndex(this.core.log)), term };
  }

  acceptsProposals(): boolean {
    const { role } = this.core;
    if (this.phase !== "running" || role.kind !== "leader" || role.transfer !== null) return false;
    return role.uncommittedBytes + this.proposals.pendingBytes() < this.tuning.uncommittedBytesMax;
  }

  readIndex(): Promise<LogIndex> {
    if (this.phase !== "running") return Promise.reject(new ReadIndexError("stopped"));
    return this.reads.add();
  }

  saveSnapshot(index: LogIndex, data: SnapshotData): Promise<void> {
    assert(index > 0 && index <= this.core.commit, "a snapshot covers committed entries", { index });
    if (this.phase !== "running" || index <= (this.core.snapshot?.index ?? 0)) return Promise.resolve();
    const term = present(termAt(this.core.log, index), "the entry of a snapshot is retained", { index });
    const membership = membershipAt(this.core, index);
    // Who joins may not have heard yet who the members were at that index, and could not start from such a snapshot.
    if (membership.voters.length === 0) return Promise.resolve();
    const meta: SnapshotMeta = { index, term, membership };
    return this.lane.save(meta, data, () => this.compact(index));
  }

  readCommitted(from: LogIndex): readonly Entry[] {
    const { log, commit } = this.core;
    const first = Math.max(from, log.baseIndex + 1);
    return first > commit ? [] : entriesBetween(log, first, commit);
  }

  readSnapshot(use: (meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void> {
    return this.lane.run(async () => {
      const meta = this.options.storage.snapshot();
      if (meta !== undefined) await use(meta, this.lane.read());
    });
  }

  transferLeadership(to?: MemberId): void {
    void Promise.resolve().then(() => this.beginTransfer(to ?? null));
  }

  changeMembership(change: MembershipChange): Promise<Membership> {
    if (this.phase !== "running") return Promise.reject(new MembershipError("stopped"));
    return this.changing.add(change);
  }

  status(): RaftStatus {
    return statusOf(this.core, this.applier.applied(), this.ready);
  }

  async stop(): Promise<void> {
    if (this.phase === "running" && this.core.role.kind === "leader") await this.handOver();
    this.halt();
    await this.peers.stop();
    await this.writes.idle();
    await this.lane.stop();
  }

  private createTicker(): Ticker {
    return new Ticker({
      clock: this.options.clock,
      tickMs: this.tuning.tickMs,
      quiet: () => quietTicks(this.core),
      onQuiet: (count) => passQuietTicks(this.core, count),
      onTick: () => {
        // A leader may append a membership of its own, which must not take an index that was promised.
        if (!isPlainFor(this.core.membership, this.options.self)) this.proposals.flush(true);
        this.feed({ kind: "tick" });
      },
      onSkipped: () => this.feed({ kind: "clock-skipped" }),
    });
  }

  private createPeers(): Peers {
    const { self, clusterName, clock, random, network, tracer } = this.options;
    const address = this.addressOf(self) ?? "";
    const peers = new Peers({
      self,
      address,
      listenAddress: this.options.listenAddress ?? address,
      clusterName,
      silenceMs: SILENT_ELECTIONS_MAX * this.tuning.electionMaxMs,
      clock,
      random,
      network,
      tracer,
      faultOf: (message) => faultOf(message, this.core.term),
      onMessage: (message) => this.feed({ kind: "message", message }),
      onUnreachable: (member) => this.feed({ kind: "unreachable", member }),
      onGone: (member) => this.feed({ kind: "leader-gone", member }),
      onFounded: (by) => this.feed({ kind: "founded-elsewhere", by }),
    });
    peers.joinGroup(groupIdOf(this.core));
    peers.update(this.addresses(this.core.membership));
    return peers;
  }

  private addresses(membership: Membership): readonly PeerAddress[] {
    return everyMember(membership).flatMap((id) => {
      const address = membership.contacts[id]?.raftAddress || this.addressOf(id);
      return address === undefined ? [] : [{ id, address }];
    });
  }

  /** As this process was told. */
  private addressOf(member: MemberId): string | undefined {
    const { self, members, address } = this.options;
    const configured = members.find(({ id }) => id === member)?.address;
    return member === self ? (address ?? configured) : configured;
  }

  private feed(input: Input): void {
    if (this.phase !== "running") return;
    this.inputs.push(input);
    if (this.busy) return;
    this.busy = true;
    try {
      this.ticker.countQuiet();
      for (let next = this.inputs.shift(); next !== undefined; next = this.inputs.shift()) {
        this.perform(step(this.core, next));
      }
    } catch (error) {
      this.fatal(error);
    } finally {
      this.busy = false;
    }
    this.ticker.plan();
  }

  private perform(out: Output): void {
    for (const { level, event, facts } of out.trace) this.options.tracer[level](event, facts);
    // What was promised an index must get it: the gatherer holds nothing that the core could refuse.
    assert(out.proposal?.ok !== false, "a gathered proposal was refused");
    if (out.write !== null) this.writes.issue(out.write);
    if (out.membership !== null) this.peers.update(this.addresses(out.membership));
    this.peers.joinGroup(groupIdOf(this.core));
    this.rememberGroup();
    this.peers.sendAll(out.messages);
    for (const received of out.receive) this.lane.receive(received);
    for (const request of out.chunkRequests) {
      this.lane.serve(request, this.options.self, (message) => this.peers.send(message));
    }
    if (out.change !== null) this.changing.answer(out.change);
    if (out.changed !== null) this.changing.settle(out.changed);
    if (out.roleChange !== null) this.onRoleChange();
    if (out.restore !== null) void this.restore(out.restore);
    if (out.committed.length > 0) this.applier.push(out.committed);
    for (const read of out.reads) this.reads.settle(read.id, read);
  }

  private rememberGroup(): void {
    const groupId = groupToRemember(this.core);
    if (groupId === null || groupId === this.remembered) return;
    this.remembered = groupId;
    void this.lane.run(() => this.options.storage.rememberGroup(groupId));
  }

  private onRoleChange(): void {
    const { role } = this.core;
    this.ready = false;
    this.proposals.clear();
    if (role.kind !== "leader") this.changing.fail("lost-leadership");
    this.options.tracer.info("raft.role", this.roleFacts());
    if (role.kind === "follower" && role.leader !== null) this.onHandedOver();
    this.options.stateMachine.onRoleChange(this.roleStatus());
  }

  private onApplied(): void {
    const { role } = this.core;
    this.reads.release();
    if (this.ready || role.kind !== "leader" || this.applier.applied() < role.termStart) return;
    this.ready = true;
    this.options.stateMachine.onRoleChange(this.roleStatus());
  }

  private roleStatus(): RoleStatus {
    const { role, term } = this.core;
    return { role: role.kind, term, leader: knownLeader(this.core), ready: this.ready };
  }

  private roleFacts(): Readonly<Record<string, unknown>> {
    return { ...this.roleStatus(), lastIndex: lastIndex(this.core.log), commit: this.core.commit };
  }

  /** A crash between a received snapshot and the reset of the log leaves a log that does not go on after it. */
  private async mendLog(snapshot: SnapshotMeta): Promise<void> {
    const { entries } = this.options.recovered;
    if (entries.length > 0 && continuesSnapshot(snapshot, entries)) return;
    try {
      await this.options.storage.resetTo(snapshot);
    } catch (error) {
      this.fatal(error);
    }
  }

  private restore(meta: SnapshotMeta): Promise<void> {
    this.applier.beginRestore();
    return this.lane.run(async () => {
      // A newer one may have been received before this turn of the lane; its bytes are the ones that can be read.
      const newest = this.options.storage.snapshot() ?? meta;
      await this.options.stateMachine.restore(newest, this.lane.read());
      if (!this.isStopped()) this.applier.endRestore(newest);
    });
  }

  private compact(index: LogIndex): void {
    if (this.core.snapshot === null || index < this.core.log.baseIndex) return;
    const { trailingEntriesMax, trailingBytesMax, laggardBytesMax } = this.tuning;
    const { log } = this.core;
    const usual = trailingBase(log, index, trailingEntriesMax, trailingBytesMax);
    const needed = neededFrom(this.core) ?? usual;
    const bound = needed < usual ? trailingBase(log, index, Number.POSITIVE_INFINITY, laggardBytesMax) : 0;
    const upTo = asIndex(Math.min(usual, Math.max(needed, bound)));
    this.feed({ kind: "compact", upTo });
    this.writes.compact(upTo);
  }

  /** What was promised an index goes first: a leader that hands over accepts nothing more. */
  private beginTransfer(to: MemberId | null): void {
    this.proposals.flush(true);
    this.feed({ kind: "transfer", to });
  }

  /** Waits until another member leads (our vote may be needed), but no longer than the shortest election timeout. */
  private async handOver(): Promise<void> {
    await Promise.resolve();
    this.beginTransfer(null);
    const { role } = this.core;
    if (role.kind !== "leader" || role.transfer === null) return;
    await new Promise<void>((resolve) => {
      const deadline = this.options.clock.after(this.tuning.electionMinMs, resolve);
      this.onHandedOver = () => {
        deadline.cancel();
        resolve();
      };
    });
  }

  private halt(): void {
    this.phase = "stopped";
    this.inputs = [];
    this.ticker.stop();
    this.applier.stop();
    this.proposals.clear();
    this.reads.stop();
    this.changing.fail("stopped");
  }

  private isStopped(): boolean {
    return this.phase === "stopped";
  }

  private fatal(error: unknown): void {
    if (this.isStopped()) return;
    this.halt();
    void this.peers.stop();
    const reason = error instanceof Error ? error.message : String(error);
    this.options.tracer.error("raft.fatal", { reason });
    this.options.onFatal(reason, error);
  }
}

/** What holds until log or snapshot say otherwise. */
function configuredMembership(members: readonly PeerAddress[]): Membership {
  const contacts = members.map(({ id, address, apiAddress }) => [
    id,
    { raftAddress: address, apiAddress: apiAddress ?? "" },
  ]);
  return votersOnly(
    members.map(({ id }) => id),
    Object.fromEntries(contacts),
  );
}
