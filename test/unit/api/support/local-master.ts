// A master of one member without log and consensus: the real decide and evolve, every command committed at once. It
// keeps the commands that it was given, and can be told to lose or to win leadership.
import {
  asId,
  asIndex,
  asMillis,
  asTerm,
  type ClusterId,
  type GroupId,
  type MemberId,
} from "../../../../src/kernel/ids.ts";
import type { Clock } from "../../../../src/kernel/ports.ts";
import type {
  MembershipChange,
  MembersOutcome,
  MemberView,
  TransferOutcome,
} from "../../../../src/master/members.ts";
import type {
  EffectSink,
  HistoryEntry,
  Master,
  MasterStatus,
  Outcome,
} from "../../../../src/master/types.ts";
import type { Command, Context } from "../../../../src/state/commands.ts";
import { decide } from "../../../../src/state/decide.ts";
import type { Effect } from "../../../../src/state/effects.ts";
import { effectsOf } from "../../../../src/state/effects-of.ts";
import { evolve } from "../../../../src/state/evolve.ts";
import type { ClusterState, FaultDomain } from "../../../../src/state/model.ts";
import { createClusterState } from "../../../../src/state/snapshot.ts";

export const SELF = asId<MemberId>("m1");
export const OTHER = asId<MemberId>("m2");
export const GROUP = asId<GroupId>("00112233445566778899aabbccddeeff");
export const CLUSTER = asId<ClusterId>("11111111-2222-4333-8444-555555555555");

/** The region in which the master is. */
export const DOMAIN = { region: "eu", zone: "eu-0" };

const TRIGGERS: ReadonlySet<Command["kind"]> = new Set<Command["kind"]>([
  "subscribe",
  "revive",
  "register-agent",
  "update-status",
  "update-statuses",
  "decline",
  "accept",
]);

export class LocalMaster implements Master {
  /** In the order in which they came, its own left out. */
  readonly commands: Command[] = [];
  /** What the next submit answers instead of deciding. */
  nextOutcome: Outcome | null = null;
  readonly changes: MembershipChange[] = [];
  /** What a change of the members answers instead of "done". */
  nextChange: MembersOutcome | null = null;
  /** Whether a subscription, an agent or free resources lead to an allocation. */
  allocates = true;
  /** That of its next term; undefined for none. */
  domain: FaultDomain | undefined = DOMAIN;
  private readonly clock: Clock;
  private readonly cluster: ClusterState = createClusterState();
  private sink: EffectSink | null = null;
  private leader: MemberId | null = null;
  private recovering = false;
  private term = 0;
  private index = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async start(): Promise<void> {
    this.win();
  }

  async stop(): Promise<void> {
    this.lose(null);
  }

  entries(): readonly [] {
    return [];
  }

  attach(sink: EffectSink): void {
    this.sink = sink;
  }

  win(): void {
    this.leader = SELF;
    this.recovering = false;
    this.term += 1;
    this.carryOut({ kind: "lead", memberId: SELF, term: asTerm(this.term) });
    this.sink?.onLeading(asTerm(this.term));
  }

  lose(leader: MemberId | null): void {
    this.leader = leader;
    this.recovering = false;
    this.sink?.onNotLeading(leader);
  }

  /** Elected, but without the whole log yet. */
  recover(): void {
    this.lose(SELF);
    this.recovering = true;
  }

  async submit(command: Command): Promise<Outcome> {
    this.commands.push(command);
    const forced = this.nextOutcome;
    this.nextOutcome = null;
    if (forced !== null) return forced;
    if (this.leader !== SELF || this.recovering) return { kind: "not-leader", leader: this.leader };
    const outcome = this.carryOut(command);
    if (this.allocates && TRIGGERS.has(command.kind)) setImmediate(() => this.allocate());
    return outcome;
  }

  order(command: Command, done: (outcome: Outcome) => void): void {
    void this.submit(command).then(done);
  }

  allocate(): void {
    if (this.leader === SELF) this.carryOut({ kind: "allocate" });
  }

  expire(): void {
    if (this.leader === SELF) this.carryOut({ kind: "expire" });
  }

  /** As if an event had caused it. */
  effect(effect: Effect): void {
    this.sink?.deliver(effect);
  }

  status(): MasterStatus {
    const index = asIndex(this.index);
    const leads = this.leader === SELF;
    return {
      self: SELF,
      role: leads ? "leader" : "follower",
      term: asTerm(this.term),
      leader: this.leader,
      ready: leads && !this.recovering,
      commitIndex: index,
      appliedIndex: index,
      lastIndex: index,
      events: this.cluster.eventCount,
      groupId: GROUP,
      archive: null,
      members: this.members(),
    };
  }

  members(): readonly MemberView[] {
    const voter = { kind: "voter", progress: null, raftAddress: "" } as const;
    return [
      { ...voter, id: SELF, apiAddress: "127.0.0.1:1" },
      { ...voter, id: OTHER, apiAddress: "127.0.0.2:5050" },
    ];
  }

  async changeMembers(change: MembershipChange): Promise<MembersOutcome> {
    this.changes.push(change);
    return this.nextChange ?? { kind: "done", members: this.members() };
  }

  async transferLeadership(to: MemberId | null): Promise<TransferOutcome> {
    return to === OTHER || to === null
      ? { kind: "done", leader: OTHER }
      : { kind: "refused", reason: "unknown-member" };
  }

  state(): ClusterState {
    return this.cluster;
  }

  async settled(): Promise<boolean> {
    return this.leader === SELF;
  }

  history(): Iterable<HistoryEntry> {
    return [];
  }

  private carryOut(command: Command): Outcome {
    const decision = decide(this.cluster, command, this.context());
    if (decision.kind === "rejected") return decision;
    const effects: Effect[] = [];
    for (const event of decision.events) {
      evolve(this.cluster, event, this.context().now);
      this.index += 1;
      effects.push(...effectsOf(event, this.cluster));
    }
    effects.push(...(decision.effects ?? []));
    for (const effect of effects) this.sink?.deliver(effect);
    return decision.next === undefined
      ? { kind: "done", reply: decision.reply }
      : this.carryOut(decision.next);
  }

  private context(): Context {
    return {
      now: asMillis(Math.max(this.cluster.time, this.clock.wallMs())),
      newClusterId: CLUSTER,
      settings: {
        frameworkReconnectMs: 60_000,
        agentReconnectMs: 75_000,
        ...(this.domain === undefined ? {} : { domain: this.domain }),
      },
    };
  }
}
