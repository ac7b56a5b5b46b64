// Whole masters on one virtual clock: the real log on virtual disks, the real Raft over a network in memory.
import { SimDisk } from "../../../simulations/sim-disk.ts";
import { asId, type MemberId, type Term } from "../../../src/kernel/ids.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import type { ArchiveOptions } from "../../../src/log/index.ts";
import { createMaster, type MasterOptions } from "../../../src/master/master.ts";
import type { EffectSink, Master, Outcome } from "../../../src/master/types.ts";
import type { Command } from "../../../src/state/commands.ts";
import type { Effect } from "../../../src/state/effects.ts";
import type { Policy } from "../../../src/state/policy.ts";
import { digest } from "../../../src/state/snapshot.ts";
import { MemoryNetwork } from "../raft/support/memory-network.ts";
import { VirtualClock } from "../raft/support/virtual-clock.ts";
import { settings } from "../state/cluster.ts";

/** What a master has said to its sink. */
export class Ear implements EffectSink {
  readonly effects: Effect[] = [];
  readonly words: string[] = [];

  deliver(effect: Effect): void {
    this.effects.push(effect);
  }

  onLeading(term: Term): void {
    this.words.push(`leading in ${term}`);
  }

  onNotLeading(leader: MemberId | null): void {
    this.words.push(`not leading: ${leader}`);
  }
}

export interface Member {
  readonly id: MemberId;
  readonly disk: SimDisk;
  master: Master;
  ear: Ear;
  fatal: string[];
  up: boolean;
  die(): void;
}

export class MasterCluster {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork(this.clock);
  readonly members: Member[] = [];
  /** What is set on a member about offers; asked whenever the member asks. */
  readonly policies: Map<string, () => Policy> = new Map();
  /** Member, warning and settings, of warnings about settings. */
  readonly warned: string[] = [];
  private readonly size: number;
  private readonly tuning: MasterOptions["tuning"];
  private readonly archive: Omit<ArchiveOptions, "clock"> | null;
  private boots = 0;

  constructor(
    size: number,
    tuning: MasterOptions["tuning"] = {},
    archive: Omit<ArchiveOptions, "clock"> | null = null,
  ) {
    this.size = size;
    this.tuning = tuning;
    this.archive = archive;
  }

  async start(): Promise<void> {
    for (let i = 1; i <= this.size; i++) {
      const disk = new SimDisk({ random: seededRandom(`disk ${i}`), clock: this.clock, faults: {} });
      this.members.push(await this.boot(asId(`m${i}`), disk));
    }
    for (const member of this.members) await this.within(member.master.start());
    await this.clock.until(() => this.leaderOrNone() !== undefined);
  }

  leader(): Member {
    const leader = this.leaderOrNone();
    if (leader === undefined) throw new Error("nobody leads");
    return leader;
  }

  /** A member other than that one leads. */
  isLedByOther(member: Member): boolean {
    return this.members.some((other) => other !== member && other.up && other.master.status().ready);
  }

  followers(): Member[] {
    return this.members.filter((member) => member.up && member !== this.leaderOrNone());
  }

  isolate(member: Member): void {
    for (const other of this.members) if (other !== member) this.network.cut(member.id, other.id);
  }

  submit(command: Command, member = this.leader()): Promise<Outcome> {
    return this.within(member.master.submit(command));
  }

  /** All members that are up have applied all that any has committed. */
  async quiet(): Promise<void> {
    await this.clock.until(() => {
      const statuses = this.members.filter(({ up }) => up).map(({ master }) => master.status());
      const last = Math.max(...statuses.map(({ lastIndex }) => lastIndex));
      return statuses.every(({ appliedIndex }) => appliedIndex === last);
    });
  }

  /** The state's digest on each member that is up. */
  digests(): string[] {
    return this.members.filter(({ up }) => up).map(({ master }) => digest(master.state()));
  }

  kill(member: Member): void {
    member.up = false;
    member.die();
    member.disk.kill();
    this.network.vanish(member.id);
  }

  async restart(member: Member): Promise<void> {
    Object.assign(member, await this.boot(member.id, member.disk));
    await this.within(member.master.start());
  }

  /** Awaits in virtual time. */
  async within<Value>(promise: Promise<Value>): Promise<Value> {
    let over = false;
    const done = promise.finally(() => {
      over = true;
    });
    done.catch(() => undefined);
    await this.clock.until(() => over);
    return done;
  }

  private leaderOrNone(): Member | undefined {
    return this.members.find(({ up, master }) => up && master.status().ready);
  }

  private async boot(id: MemberId, disk: SimDisk): Promise<Member> {
    const { clock, die } = this.clock.ofProcess();
    const fatal: string[] = [];
    const ear = new Ear();
    const policy = this.policies.get(id);
    const master = await this.within(
      createMaster({
        self: id,
        members: Array.from({ length: this.size }, (_, i) => ({
          id: asId(`m${i + 1}`),
          raftAddress: `m${i + 1}`,
          apiAddress: `m${i + 1}:5050`,
        })),
        clusterName: "test",
        settings,
        clock,
        random: seededRandom(`${id} ${this.boots++}`),
        network: this.network.host(id),
        disk: disk.mount(),
        directory: "log",
        tracer: {
          ...silentTracer,
          warn: (event, fields) => {
            if (fields?.settings !== undefined)
              this.warned.push(`${id}: ${event}: ${String(fields.settings)}`);
          },
        },
        ...(policy === undefined ? {} : { policy }),
        onFatal: (reason, cause) => void fatal.push(`${cause}: ${reason}`),
        ...(this.tuning === undefined ? {} : { tuning: this.tuning }),
        ...(this.archive === null ? {} : { archive: { ...this.archive, clock } }),
      }),
    );
    master.attach(ear);
    return { id, disk, master, ear, fatal, up: true, die };
  }
}
