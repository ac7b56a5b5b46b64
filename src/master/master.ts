// The loop that puts log, consensus and state together: it applies what is committed, takes snapshots, and takes office
// when this member leads (office.ts). All of the outside comes by ports, so the simulator runs
// this very code. Streams, HTTP and wire formats belong to the api.
import { WORK_PER_CYCLE_MAX } from "../allocator/constraints/limits.ts";
import { ConstraintCache } from "../allocator/index.ts";
import { InvariantError } from "../kernel/assert.ts";
import { asIndex, asTerm, type LogIndex, type MemberId, type Term } from "../kernel/ids.ts";
import { openLog } from "../log/index.ts";
import {
  createRaftNode,
  type Entry,
  isOwn,
  type RaftNode,
  type RoleStatus,
  type StateMachine,
} from "../raft/index.ts";
import { decodeEntry } from "../state/codec.ts";
import type { Command } from "../state/commands.ts";
import type { ClusterState } from "../state/model.ts";
import { Checkpoints } from "./checkpoints.ts";
import { LogStorage } from "./log-storage.ts";
import {
  Members,
  type MembershipChange,
  type MembersOutcome,
  type MemberView,
  type TransferOutcome,
} from "./members.ts";
import { Office } from "./office.ts";
import type { FatalCause, MasterOptions } from "./options.ts";
import { raftOptions, snapshotInterval } from "./raft-options.ts";
import { replay } from "./rebuilding.ts";
import { repairWithPeers } from "./repair-choice.ts";
import { createReplica, type Replica, type ReplicaTuning } from "./replica.ts";
import { stateFrom } from "./restoring.ts";
import type { EffectSink, HistoryEntry, Master, MasterStatus, Outcome } from "./types.ts";

export type { FatalCause, MasterMember, MasterOptions } from "./options.ts";

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
  private sink: EffectSink | null = null;
  /** There is one from the moment this member has applied the whole log as leader until it leads no more. */
  private office: Office | null = null;
  private role: RoleStatus = { role: "follower", term: asTerm(0), leader: null, ready: false };
  /** What the sink was told last while another member led; undefined at the start and while this one leads. */
  private toldLeader: MemberId | null | undefined;
  private rebuilding = false;
  private advised = false;
  private stopped = false;
  constructor(options: MasterOptions, storage: LogStorage) {
    this.options = options;
    this.storage = storage;
    this.replica = createReplica(
      (index, own, leaders) =>
        this.fatal(`state digest at index ${index} is ${own}, the leader's is ${leaders}`, "diverged"),
      this.replicaTuning(),
    );
    this.checkpoints = this.createCheckpoints();
    this.node = this.createNode();
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
    if (this.office?.isLeading === true) this.office.order(command, done);
    else done({ kind: "not-leader", leader: this.otherLeader() });
  }

  status(): MasterStatus {
    const raft = this.node.status();
    return {
      self: this.options.self,
      role: raft.role,
      term: raft.term,
      leader: raft.leader,
      ready: this.office?.isLeading === true,
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
    const mine = this.office;
    if (mine?.isLeading !== true) return false;
    const committed = mine.settled();
    const confirmed = this.node.readIndex().then(
      () => true,
      () => false,
    );
    return (await committed) && (await confirmed) && this.office === mine;
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

  async changeMembers(change: MembershipChange): Promise<MembersOutcome> {
    const outcome = await this.membership.change(change);
    if (outcome.kind === "done") this.adviseToJoin();
    return outcome;
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
    const { newHash, tuning } = this.options;
    const chunkUnitsMax = tuning?.snapshotChunkUnits;
    return {
      intervalEntries: snapshotInterval(this.options),
      ...(chunkUnitsMax === undefined ? {} : { chunkUnitsMax }),
      ...(newHash === undefined ? {} : { newHash }),
    };
  }

  private createNode(): RaftNode {
    const stateMachine: StateMachine = {
      applyCommitted: (entries) => this.applyCommitted(entries),
      restore: (meta, chunks) => this.restore(meta.index, chunks),
      onRoleChange: (status) => this.onRoleChange(status),
    };
    const onFatal = (reason: string, cause: unknown): void => this.fatal(reason, causeOf(cause));
    return createRaftNode(raftOptions(this.options, this.storage, stateMachine, onFatal));
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
    this.office?.onCommitted(committed);
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
        onDigest: (index, digest) => this.office?.submitOwn({ kind: "record-digest", index, digest }),
        onFailure: (error) => this.fatal(`the snapshot could not be written: ${String(error)}`, "disk"),
      },
      this.storage.snapshot()?.index ?? asIndex(0),
    );
  }

  private async restore(index: LogIndex, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.replica.reset(index, await stateFrom(chunks, this.options.clock));
    this.checkpoints.restored(index);
  }

  /** Once. */
  private adviseToJoin(): void {
    const { joining, tracer } = this.options;
    if (this.advised || joining === true || !this.membership.hasOutgrownFounders()) return;
    this.advised = true;
    tracer.warn("start this master with --join from now on", {
      reason:
        "the masters in its flags are no majority of the cluster any more: with its data lost and the others out of reach it would found a second cluster",
    });
  }

  private onRoleChange(status: RoleStatus): void {
    this.role = status;
    this.adviseToJoin();
    if (status.role === "leader") {
      if (status.ready) this.takeOffice();
    } else if (this.office !== null) this.endLeading();
    else this.tellLeader(status.leader);
  }

  private tellLeader(leader: MemberId | null): void {
    if (this.stopped || this.toldLeader === leader) return;
    this.toldLeader = leader;
    this.sink?.onNotLeading(leader);
  }

  /** All of the log is applied. */
  private takeOffice(): void {
    if (this.office !== null || this.rebuilding || this.stopped) return;
    const { term } = this.role;
    this.office = new Office({
      master: this.options,
      term,
      replica: this.replica,
      constraintCache: this.constraintCache,
      accepts: () => this.node.acceptsProposals(),
      propose: (payload) => this.propose(payload),
      onProposed: () => {
        if (this.replica.isCheckpointDue()) this.checkpoints.due(false);
      },
      deliver: (effect) => this.sink?.deliver(effect),
      onLeading: () => this.beginToLead(term),
      onFailure: (error) => this.fatal(String(error), "bug"),
    });
    this.office.begin();
  }

  private beginToLead(term: Term): void {
    this.toldLeader = undefined;
    this.options.tracer.info("leading", { term, index: this.replica.index() });
    this.sink?.onLeading(term);
  }

  private endLeading(): void {
    const leader = this.role.leader;
    this.options.tracer.info("not leading", { term: this.role.term, leader });
    this.abandonOffice(leader);
    this.tellLeader(leader);
    if (this.replica.isAheadOf(this.node.status().applied)) void this.rebuild();
  }

  private abandonOffice(leader: MemberId | null): void {
    const left = this.office;
    this.office = null;
    left?.abandon(leader);
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

  private replay(): Promise<void> {
    return replay({
      replica: this.replica,
      node: this.node,
      clock: this.options.clock,
      restore: (meta, chunks) => this.restore(meta.index, chunks),
      apply: (entry) => this.applyOne(entry),
      caughtUp: () => {
        this.rebuilding = false;
      },
      isStopped: () => this.stopped,
    });
  }

  private propose(payload: Uint8Array): LogIndex | null {
    const result = this.node.propose(payload);
    return result.ok ? result.index : null;
  }

  private otherLeader(): MemberId | null {
    return this.role.leader === this.options.self ? null : this.role.leader;
  }
}

function causeOf(error: unknown): FatalCause {
  return error instanceof InvariantError ? "bug" : "disk";
}
