// Whole nodes over an in-memory network, in-memory disks and a virtual clock. The state machine is a list of texts.
import { asIndex, asTerm, type LogIndex, type MemberId } from "../../../../src/kernel/ids.ts";
import { silentTracer, type Tracer } from "../../../../src/kernel/ports.ts";
import { seededRandom } from "../../../../src/kernel/random.ts";
import {
  createRaftNode,
  type Entry,
  isOwn,
  type RaftNode,
  type RaftNodeOptions,
  type RaftTuning,
  type Recovered,
  type RoleStatus,
  type SnapshotMeta,
  type StateMachine,
} from "../../../../src/raft/index.ts";
import { bytes, memberId, text } from "./core-cluster.ts";
import { MemoryNetwork } from "./memory-network.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { VirtualClock } from "./virtual-clock.ts";

export class TextMachine implements StateMachine {
  texts: string[] = [];
  indexes: number[] = [];
  roles: RoleStatus[] = [];
  restores: number[] = [];

  applyCommitted(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.indexes.push(entry.index);
      if (!isOwn(entry)) this.texts.push(text(entry.payload));
    }
  }

  async restore(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const gathered: number[] = [];
    for await (const chunk of chunks) gathered.push(...chunk);
    this.texts = JSON.parse(text(Uint8Array.from(gathered))) as string[];
    this.restores.push(meta.index);
    this.indexes = [];
  }

  onRoleChange(status: RoleStatus): void {
    this.roles.push(status);
  }

  image(): Uint8Array {
    return bytes(JSON.stringify(this.texts));
  }
}

export interface Host {
  readonly id: MemberId;
  readonly storage: MemoryStorage;
  node: RaftNode;
  machine: TextMachine;
  fatal: string | null;
  up: boolean;
  /** Stops its timers. */
  die(): void;
}

export class NodeCluster {
  readonly clock: VirtualClock = new VirtualClock();
  readonly network: MemoryNetwork = new MemoryNetwork(this.clock);
  readonly hosts: Host[] = [];
  readonly warnings: { event: string; facts: Readonly<Record<string, unknown>> | undefined }[] = [];
  readonly errors: { event: string; facts: Readonly<Record<string, unknown>> | undefined }[] = [];
  private readonly ids: readonly MemberId[];
  private readonly tuning: Partial<RaftTuning>;
  private boots = 0;
  private readonly seed: number;

  constructor(size: number, options: { seed?: number; tuning?: Partial<RaftTuning> } = {}) {
    this.ids = Array.from({ length: size }, (_, i) => memberId(i + 1));
    this.tuning = options.tuning ?? {};
    this.seed = options.seed ?? 1;
    for (const id of this.ids) {
      const storage = new MemoryStorage(this.clock);
      this.hosts.push(this.boot(id, storage, blank()));
    }
  }

  async start(): Promise<void> {
    for (const host of this.hosts) this.launch(host);
    await this.clock.until(() => this.readyLeader() !== undefined);
  }

  host(number: number): Host {
    const host = this.hosts[number - 1];
    if (host === undefined) throw new Error(`no host ${number}`);
    return host;
  }

  readyLeader(): Host | undefined {
    return this.hosts.find(({ up, node }) => up && node.status().ready);
  }

  leader(): Host {
    const leader = this.readyLeader();
    if (leader === undefined) throw new Error("no leader");
    return leader;
  }

  followers(): Host[] {
    const leader = this.leader();
    return this.hosts.filter((host) => host !== leader && host.up);
  }

  propose(...texts: string[]): LogIndex {
    let index = asIndex(0);
    for (const one of texts) {
      const result = this.leader().node.propose(bytes(one));
      if (!result.ok) throw new Error(result.reason);
      index = result.index;
    }
    return index;
  }

  /** A member with an empty disk that waits to be added. */
  join(number: number): Host {
    const id = memberId(number);
    const host = this.boot(id, new MemoryStorage(this.clock), blank());
    this.hosts.push(host);
    this.launch(host);
    return host;
  }

  /** The machine loses its power: peers notice nothing. */
  losePower(host: Host): void {
    host.up = false;
    host.storage.crash();
    this.network.goDark(host.id);
    host.die();
  }

  /** Like SIGKILL: nothing is said to anybody. */
  kill(host: Host): void {
    host.up = false;
    host.storage.crash();
    this.network.vanish(host.id);
    host.die();
  }

  restart(host: Host): void {
    const fresh = this.boot(host.id, host.storage, host.storage.crash());
    Object.assign(host, fresh);
    this.launch(host);
  }

  /** Its process ends and its disk is emptied; it starts again under its old name, with its old flags. */
  wipe(host: Host): void {
    if (host.up) this.kill(host);
    Object.assign(host, this.boot(host.id, new MemoryStorage(this.clock), blank()));
    this.launch(host);
  }

  isolate(host: Host): void {
    for (const other of this.hosts) if (other !== host) this.network.cut(host.id, other.id);
  }

  private launch(host: Host): void {
    host.node.start().catch((error: unknown) => {
      host.fatal = String(error);
    });
  }

  private boot(id: MemberId, storage: MemoryStorage, recovered: Recovered): Host {
    const machine = new TextMachine();
    const { clock, die } = this.clock.ofProcess();
    const options: RaftNodeOptions = {
      self: id,
      members: this.ids.includes(id) ? this.ids.map((member) => ({ id: member, address: member })) : [],
      address: id,
      clusterName: "test",
      recovered,
      clock,
      random: seededRandom(`${this.seed} ${id} ${this.boots++}`),
      network: this.network.host(id),
      storage,
      stateMachine: machine,
      tracer: this.tracer(),
      tuning: this.tuning,
      onFatal: (reason) => {
        host.fatal = reason;
        host.up = false;
      },
    };
    const node = createRaftNode(options);
    const host: Host = { id, storage, machine, fatal: null, up: true, node, die };
    return host;
  }

  private tracer(): Tracer {
    return {
      ...silentTracer,
      warn: (event, facts) => this.warnings.push({ event, facts }),
      error: (event, facts) => this.errors.push({ event, facts }),
    };
  }
}

function blank(): Recovered {
  return {
    hardState: { term: asTerm(0), votedFor: null, healing: false },
    snapshot: undefined,
    entries: [],
  };
}
