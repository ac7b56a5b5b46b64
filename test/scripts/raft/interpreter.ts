// Runs the commands of a script against a cluster of cores and writes down everything that happens.
import { asTerm } from "../../../src/kernel/ids.ts";
import { groupIdOf } from "../../../src/raft/group-id.ts";
import type { Output } from "../../../src/raft/io.ts";
import type { CoreTuning } from "../../../src/raft/limits.ts";
import type { Message } from "../../../src/raft/messages.ts";
import type { MembershipChange } from "../../../src/raft/types.ts";
import {
  CoreCluster,
  entriesOfTerms,
  type Member,
  memberId,
  numberOf,
  show,
  showMembership,
} from "../../unit/raft/support/core-cluster.ts";

type Command = (run: Interpreter, words: readonly string[]) => void;

/** Words of a command after its name; members are given by number. */
const COMMANDS: Readonly<Record<string, Command>> = {
  /** cluster SIZE [BYTES OF AN APPEND] [lease] */
  cluster: (run, [size, bytes, lease]) =>
    run.begin(Number(size), { messageBytesMax: Number(bytes ?? 1_000_000), leaseReads: lease === "lease" }),
  /** founders SIZE: as `cluster`, but no group has been founded yet */
  founders: (run, [size]) => run.begin(Number(size), {}, false),
  /** elsewhere MEMBER [BY]: BY is connected to the member and belongs to a group; without BY nobody is any more */
  elsewhere: (run, [number, by]) => {
    const member = by === undefined ? null : memberId(Number(by));
    run.cluster.input(Number(number), { kind: "founded-elsewhere", by: member });
  },
  /** groups: which one each member insists on */
  groups: (run) => run.groups(),
  /** quiet COMMAND…: does it and says nothing */
  quiet: (run, words) => run.quietly(words.join(" ")),
  /** log MEMBER TERM-OF-EACH-ENTRY…: the member restarts with this log on disk */
  log: (run, [number, ...terms]) => run.rewriteLog(Number(number), terms.map(Number)),
  campaign: (run, [number]) => run.cluster.campaign(Number(number)),
  tick: (run, [number, count]) => run.cluster.tick(Number(number), Number(count ?? 1)),
  propose: (run, [number, ...texts]) => {
    run.cluster.propose(Number(number), ...texts);
  },
  /** deliver [KIND] [FROM>TO]: the oldest message that fits */
  deliver: (run, words) => run.deliver(words),
  /** settle: deliver until nothing is under way */
  settle: (run) => run.settle(),
  /** drop [KIND] [FROM>TO]: all messages that fit */
  drop: (run, words) => run.drop(words),
  /** cut MEMBER…: what these exchange with the others is lost from now on */
  cut: (run, numbers) => run.cut(numbers.map(Number)),
  heal: (run) => run.cut([]),
  /** hold: writes become durable only by `persist MEMBER` from now on */
  hold: (run) => {
    run.cluster.autoPersist = false;
  },
  persist: (run, [number, count]) =>
    run.cluster.persist(Number(number), Number(count ?? Number.POSITIVE_INFINITY)),
  crash: (run, [number]) => run.cluster.crash(Number(number)),
  restart: (run, [number]) => run.cluster.restart(Number(number)),
  snapshot: (run, [number]) => run.cluster.snapshot(Number(number)),
  transfer: (run, [number, to]) => {
    run.cluster.input(Number(number), { kind: "transfer", to: memberId(Number(to)) });
  },
  read: (run, [number, id]) => {
    run.cluster.input(Number(number), { kind: "read-index", ids: [Number(id)] });
  },
  /** add LEADER MEMBER: the member starts and is to become a learner */
  add: (run, [leader, member]) => {
    run.cluster.join(Number(member));
    const id = memberId(Number(member));
    run.change(leader, { kind: "add-learner", id, contact: { raftAddress: id, apiAddress: "" } });
  },
  promote: (run, [leader, id]) => run.change(leader, { kind: "promote", id: memberId(Number(id)) }),
  remove: (run, [leader, id]) => run.change(leader, { kind: "remove", id: memberId(Number(id)) }),
  /** wipe MEMBER: it starts again with an empty disk */
  wipe: (run, [number]) => run.cluster.wipe(Number(number)),
  /** damage MEMBER INDEX: it starts again with a log that was cut there */
  damage: (run, [number, index]) => run.cluster.damage(Number(number), Number(index)),
  /** gone MEMBER OTHER: its driver finds that the other's process is dead */
  gone: (run, [number, other]) => {
    run.cluster.input(Number(number), { kind: "leader-gone", member: memberId(Number(other)) });
  },
  unreachable: (run, [number, other]) => {
    run.cluster.input(Number(number), { kind: "unreachable", member: memberId(Number(other)) });
  },
  /** pause MEMBER: its process stood still for longer than its ticks say */
  pause: (run, [number]) => {
    run.cluster.input(Number(number), { kind: "clock-skipped" });
  },
  /** peace TICKS: all members tick together, and everything arrives */
  peace: (run, [ticks]) => run.peace(Number(ticks)),
  state: (run) => run.state(),
  /** progress LEADER: what it knows of the others */
  progress: (run, [number]) => run.progress(Number(number)),
};

/** The script with its comments and commands kept and all output written anew. */
export function rerun(script: string): string {
  const run = new Interpreter();
  const lines: string[] = [];
  for (const line of script.split("\n")) {
    if (line.startsWith("> ")) lines.push(line, ...run.execute(line.slice(2)).map((said) => `  ${said}`));
    else if (!line.startsWith("  ")) lines.push(line);
  }
  return lines.join("\n");
}

class Interpreter {
  cluster: CoreCluster = new CoreCluster(1);
  private said: string[] = [];
  private isolated: ReadonlySet<number> = new Set();

  execute(line: string): readonly string[] {
    const [name = "", ...words] = line.split(" ");
    const command = COMMANDS[name];
    if (command === undefined) throw new Error(`unknown command: ${line}`);
    this.said = [];
    command(this, words);
    return this.said;
  }

  quietly(line: string): void {
    const said = [...this.said];
    this.execute(line);
    this.said = said;
  }

  peace(ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      for (const { id, up } of this.cluster.members.values()) if (up) this.cluster.tick(numberOf(id));
      this.settle();
    }
  }

  change(leader: string | undefined, change: MembershipChange): void {
    this.cluster.input(Number(leader), { kind: "change-membership", change });
  }

  progress(number: number): void {
    const { role } = this.cluster.core(number);
    if (role.kind !== "leader") return;
    for (const [id, { match, next, mode, inflight }] of role.progress) {
      this.said.push(`${id} ${mode.kind} match ${match} next ${next} inflight ${inflight.length}`);
    }
  }

  groups(): void {
    for (const { id, core } of this.cluster.members.values())
      this.said.push(`${id} ${groupIdOf(core)?.slice(0, 4) ?? "none"}`);
  }

  begin(size: number, wanted: Partial<CoreTuning>, founded = true): void {
    const tuning = { snapshotWindowChunks: 2, leaseTicks: 5, ...wanted };
    this.cluster = new CoreCluster(size, { tuning, founded });
    this.cluster.chunkBytes = 40;
    this.cluster.watch = (member, output) => this.said.push(...narrate(member, output));
  }

  rewriteLog(number: number, terms: readonly number[]): void {
    const { disk } = this.cluster.member(number);
    disk.entries = entriesOfTerms(...terms);
    disk.hardState = { term: asTerm(terms.at(-1) ?? 0), votedFor: null, healing: false };
    this.cluster.restart(number);
  }

  deliver(words: readonly string[]): void {
    const fits = filterOf(words);
    const message = this.cluster.network.find(fits);
    if (message === undefined) {
      this.said.push("nothing to deliver");
      return;
    }
    this.said.push(`deliver ${describe(message)}`);
    this.cluster.deliverOne((other) => other === message);
  }

  settle(): void {
    for (let i = 0; i < 1000; i++) {
      this.cluster.drop((message) => this.crosses(message));
      if (!this.cluster.deliverOne()) return;
    }
    throw new Error("the cluster does not come to rest");
  }

  drop(words: readonly string[]): void {
    const fits = filterOf(words);
    for (const message of this.cluster.network.filter(fits)) this.said.push(`drop ${describe(message)}`);
    this.cluster.drop(fits);
  }

  cut(numbers: readonly number[]): void {
    this.isolated = new Set(numbers);
  }

  state(): void {
    for (const member of this.cluster.members.values()) this.said.push(stateOf(member));
  }

  private crosses({ from, to }: Message): boolean {
    return this.isolated.has(numberOf(from)) !== this.isolated.has(numberOf(to));
  }
}

function filterOf(words: readonly string[]): (message: Message) => boolean {
  const route = words.find((word) => word.includes(">"))?.split(">");
  const kind = words.find((word) => !word.includes(">"));
  return (message) =>
    (kind === undefined || message.kind === kind) &&
    (route === undefined || (message.from === `m${route[0]}` && message.to === `m${route[1]}`));
}

function stateOf({ core, up, disk }: Member): string {
  if (!up) return `${core.self} down, on disk ${disk.entries.map(show).join(" ")}`;
  const base = core.log.baseIndex === 0 ? "" : `[..${core.log.baseIndex}] `;
  const log = core.log.entries.map(show).join(" ");
  return `${core.self} ${core.role.kind} term ${core.term} commit ${core.commit} log ${base}${log}`;
}

function narrate(member: Member, output: Output): string[] {
  const lines: string[] = [];
  const { roleChange, write, restore, committed, proposal, change, membership, changed } = output;
  if (roleChange !== null) {
    const of = roleChange.leader === null || roleChange.role === "leader" ? "" : ` of ${roleChange.leader}`;
    lines.push(`is ${roleChange.role}${of} in term ${roleChange.term}`);
  }
  if (proposal !== null && !proposal.ok) lines.push(`refuses: ${proposal.reason}`);
  if (change !== null && !change.ok) lines.push(`refuses: ${change.reason}`);
  if (membership !== null) lines.push(`is in ${showMembership(membership)}`);
  if (write !== null) lines.push(describeWrite(write));
  for (const message of output.messages) lines.push(`sends ${describe(message)}`);
  for (const received of output.receive)
    lines.push(`receives: ${received.kind} of snapshot ${received.meta.index}`);
  if (restore !== null) lines.push(`restores snapshot ${restore.index}`);
  if (committed.length > 0)
    lines.push(`commits ${committed.map((one) => `${one.index}=${show(one)}`).join(" ")}`);
  if (changed !== null) lines.push(`has changed the membership to ${showMembership(changed)}`);
  if (output.trace.some(({ event }) => event === "raft.founds-nothing")) lines.push("founds nothing");
  for (const { event, facts } of output.trace)
    if (event === "raft.healed") lines.push(`is healed (${facts["kind"]})`);
  for (const read of output.reads)
    lines.push(`read ${read.id}: ${read.ok ? `at ${read.index}` : read.reason}`);
  return lines.map((line) => `${member.id} ${line}`);
}

function describeWrite(write: NonNullable<Output["write"]>): string {
  const parts: string[] = [];
  if (write.hardState !== null) {
    const { term, votedFor, healing } = write.hardState;
    parts.push(`term ${term} vote ${votedFor ?? "none"}${healing ? " healing" : ""}`);
  }
  if (write.resetTo !== null) parts.push(`reset to ${write.resetTo.index}`);
  if (write.entries.length > 0) parts.push(write.entries.map((one) => `${one.index}=${show(one)}`).join(" "));
  return `writes #${write.number}: ${parts.join(", ")}`;
}

function describe(message: Message): string {
  const head = `${message.from}>${message.to} ${message.kind} term ${message.term}`;
  return [head, ...details(message)].join(" ");
}

function details(message: Message): readonly string[] {
  switch (message.kind) {
    case "pre-vote":
      return [`for ${message.forTerm} last ${message.lastIndex}/${message.lastTerm}`];
    case "vote":
      return [`last ${message.lastIndex}/${message.lastTerm}${message.transfer ? " (transfer)" : ""}`];
    case "pre-vote-reply":
      return [`for ${message.forTerm} ${message.granted ? "granted" : "refused"}`];
    case "vote-reply":
      return [message.granted ? "granted" : "refused"];
    case "append":
      return [
        `prev ${message.prevIndex}/${message.prevTerm} commit ${message.commit}`,
        `[${message.entries.map(show).join(" ")}]`,
      ];
    case "append-accepted":
      return [`match ${message.match}`];
    case "append-rejected":
      return [`prev ${message.prevIndex} hint ${message.hintIndex}/${message.hintTerm}`];
    case "heartbeat":
      return [`commit ${message.commit} round ${message.round}`];
    case "heartbeat-reply":
      return [`round ${message.round}`];
    case "snapshot-chunk":
      return [`at ${message.meta.index} offset ${message.offset}${message.done ? " done" : ""}`];
    case "snapshot-progress":
      return [`at ${message.index} offset ${message.offset}`];
    case "timeout-now":
      return [];
    case "heal-request":
      return [message.amnesia ? `amnesia round ${message.round}` : "damage"];
    case "heal-target":
      return [`up to ${message.index}`];
  }
}
