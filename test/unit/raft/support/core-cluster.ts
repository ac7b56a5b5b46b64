// A few cores side by side. Nothing moves by itself: the test ticks, delivers, persists, drops and crashes. The disk of
// each member is modelled apart from its core, so that a crash loses what was not durable.
import {
  asId,
  asIndex,
  asTerm,
  type GroupId,
  type LogIndex,
  type MemberId,
} from "../../../../src/kernel/ids.ts";
import type { Random } from "../../../../src/kernel/ports.ts";
import { seededRandom } from "../../../../src/kernel/random.ts";
import { membershipAt } from "../../../../src/raft/configurations.ts";
import { campaign, step } from "../../../../src/raft/core.ts";
import type { Input, Output, Write } from "../../../../src/raft/io.ts";
import { type CoreTuning, coreTuning, DEFAULT_TUNING } from "../../../../src/raft/limits.ts";
import { votersOnly } from "../../../../src/raft/membership.ts";
import { decodeMembershipEntry } from "../../../../src/raft/membership-entry.ts";
import type { Message } from "../../../../src/raft/messages.ts";
import { continuesSnapshot, createState, type RaftState } from "../../../../src/raft/state.ts";
import {
  type Entry,
  type HardState,
  isOwn,
  type Membership,
  type SnapshotMeta,
} from "../../../../src/raft/types.ts";

export const TEST_TUNING: CoreTuning = {
  ...coreTuning(DEFAULT_TUNING),
  heartbeatTicks: 2,
  electionMinTicks: 10,
  electionMaxTicks: 20,
  storageStallTicks: 100,
  snapshotRetryTicks: 10,
};

export interface DiskImage {
  hardState: HardState;
  snapshot: SnapshotMeta | undefined;
  snapshotBytes: Uint8Array;
  entries: Entry[];
}

export interface Member {
  readonly id: MemberId;
  core: RaftState;
  disk: DiskImage;
  /** Writes issued and not yet durable. */
  writes: Write[];
  /** Everything applied since the start of this incarnation, by index. */
  applied: Entry[];
  appliedTo: number;
  /** The last output, for a look at roles and reads. */
  outputs: Output[];
  /** The bytes received so far of a snapshot. */
  incoming: number[];
  up: boolean;
}

/** Of the group that the members belong to where no test founds it. */
export const GROUP = asId<GroupId>("0".repeat(32));

export class CoreCluster {
  readonly members: Map<MemberId, Member> = new Map();
  network: Message[] = [];
  readonly membership: Membership;
  readonly tuning: CoreTuning;
  readonly random: Random;
  /** Persist every write at once, as most tests want. */
  autoPersist = true;
  /** What this one exchanges with the others is lost. */
  isolated: MemberId | null = null;
  /** Called with every output before its messages go out. */
  watch: (member: Member, output: Output) => void = () => undefined;

  /** @param options.founded the members belong to GROUP already, as if it said so in a log that they have forgotten */
  constructor(
    size: number,
    options: { seed?: number | string; tuning?: Partial<CoreTuning>; founded?: boolean } = {},
  ) {
    const ids = Array.from({ length: size }, (_, i) => memberId(i + 1));
    this.membership = { ...votersOnly(ids), ...(options.founded === true ? { groupId: GROUP } : {}) };
    this.tuning = { ...TEST_TUNING, snapshotChunkBytes: 4, ...options.tuning };
    this.random = seededRandom(options.seed ?? 1);
    for (const id of ids) this.members.set(id, this.boot(id, emptyDisk()));
  }

  /** Starts a member that belongs to nothing yet. */
  join(number: number): void {
    const id = memberId(number);
    if (this.members.has(id)) throw new Error(`member ${number} is there already`);
    this.members.set(id, this.boot(id, emptyDisk()));
  }

  /** The member is killed, its disk is emptied, and it starts again under its old name. */
  wipe(number: number): void {
    const { id } = this.member(number);
    this.members.set(id, this.boot(id, emptyDisk()));
  }

  /** The member is killed, and starts with a log that was cut at this index because what followed was damaged. */
  damage(number: number, from: number): void {
    const { id, disk } = this.member(number);
    disk.entries = disk.entries.filter(({ index }) => index < from);
    disk.hardState = { ...disk.hardState, healing: true };
    this.members.set(id, this.boot(id, disk));
  }

  get chunkBytes(): number {
    return this.tuning.snapshotChunkBytes;
  }

  /** All cores share one tuning. */
  set chunkBytes(bytes: number) {
    Object.assign(this.tuning, { snapshotChunkBytes: bytes });
  }

  member(number: number): Member {
    const member = this.members.get(memberId(number));
    if (member === undefined) throw new Error(`no member ${number}`);
    return member;
  }

  core(number: number): RaftState {
    return this.member(number).core;
  }

  input(number: number, input: Input): Output {
    const member = this.member(number);
    return this.take(member, step(member.core, input));
  }

  campaign(number: number): void {
    const member = this.member(number);
    this.take(member, campaign(member.core));
  }

  /** Makes the oldest writes durable and reports it. */
  persist(number: number, count = Number.POSITIVE_INFINITY): void {
    const member = this.member(number);
    let last = 0;
    for (let i = 0; i < count && member.writes.length > 0; i++) {
      const write = member.writes.shift();
      if (write === undefined) break;
      applyWrite(member.disk, write);
      last = write.number;
    }
    if (last > 0) this.input(number, { kind: "persisted", write: last });
  }

  /** Delivers the first message that the filter picks. @returns false if there is none */
  deliverOne(filter: (message: Message) => boolean = () => true): boolean {
    const at = this.network.findIndex(filter);
    const message = this.network[at];
    if (message === undefined) return false;
    this.network.splice(at, 1);
    this.deliver(message);
    return true;
  }

  deliver(message: Message): void {
    if ((message.from === this.isolated) !== (message.to === this.isolated)) return;
    const member = this.members.get(message.to);
    if (member?.up) this.take(member, step(member.core, { kind: "message", message }));
  }

  /** Delivers until nothing is under way. */
  settle(filter: (message: Message) => boolean = () => true): void {
    for (let i = 0; i < 10_000; i++) {
      if (!this.deliverOne(filter)) return;
    }
    throw new Error("the cluster does not come to rest");
  }

  drop(filter: (message: Message) => boolean): number {
    const before = this.network.length;
    this.network = this.network.filter((message) => !filter(message));
    return before - this.network.length;
  }

  tick(number: number, count = 1): void {
    for (let i = 0; i < count; i++) this.input(number, { kind: "tick" });
  }

  /** One member becomes leader, in peace. */
  elect(number: number): void {
    for (const member of this.members.values()) {
      if (member.up && member.core.role.kind !== "leader")
        member.core.leaderHeardAt = Number.NEGATIVE_INFINITY;
    }
    this.campaign(number);
    this.settle();
    if (this.core(number).role.kind !== "leader") throw new Error(`member ${number} was not elected`);
  }

  propose(number: number, ...texts: string[]): Output {
    return this.input(number, { kind: "propose", payloads: texts.map(bytes) });
  }

  /** Ends the member; writes that were not durable are lost. */
  crash(number: number, writesThatSurvive = 0): void {
    const member = this.member(number);
    for (const write of member.writes.slice(0, writesThatSurvive)) applyWrite(member.disk, write);
    member.writes = [];
    member.up = false;
  }

  restart(number: number): void {
    const { id, disk } = this.member(number);
    this.members.set(id, this.boot(id, disk));
  }

  /** The member's state machine saves what it has applied, and the log in front of it is forgotten. */
  snapshot(number: number, upTo?: number, keepFrom?: number): void {
    const member = this.member(number);
    const index = asIndex(upTo ?? member.appliedTo);
    const term = termOf(member, index);
    const meta: SnapshotMeta = { index, term, membership: membershipAt(member.core, index) };
    member.disk.snapshot = meta;
    member.disk.snapshotBytes = encodeApplied(member.applied.filter((entry) => entry.index <= index));
    this.input(number, { kind: "snapshot-saved", meta });
    const base = asIndex(keepFrom ?? index);
    this.input(number, { kind: "compact", upTo: base });
    member.disk.entries = member.disk.entries.filter((entry) => entry.index > base);
  }

  private boot(id: MemberId, disk: DiskImage): Member {
    const { tuning, random } = this;
    const founder = this.membership.voters.includes(id);
    const membership = founder ? this.membership : votersOnly([]);
    const core = createState({
      self: id,
      membership,
      tuning,
      random,
      recovered: { hardState: disk.hardState, snapshot: disk.snapshot, entries: [...disk.entries] },
    });
    // As the driver does: what does not go on after the snapshot is of no use.
    if (disk.snapshot !== undefined && !continuesSnapshot(disk.snapshot, disk.entries)) disk.entries = [];
    const applied = disk.snapshot === undefined ? [] : decodeApplied(disk.snapshotBytes);
    const appliedTo = disk.snapshot?.index ?? 0;
    return { id, core, disk, writes: [], applied, appliedTo, outputs: [], incoming: [], up: true };
  }

  private take(member: Member, output: Output): Output {
    member.outputs.push(output);
    this.watch(member, output);
    if (output.write !== null) member.writes.push(output.write);
    if (output.restore !== null) {
      member.applied = decodeApplied(member.disk.snapshotBytes);
      member.appliedTo = output.restore.index;
    }
    for (const entry of output.committed) {
      if (entry.index !== member.appliedTo + 1) throw new Error("entries are applied once and in order");
      member.applied.push(entry);
      member.appliedTo = entry.index;
    }
    this.network.push(...output.messages);
    for (const request of output.chunkRequests) this.sendChunk(member, request);
    for (const received of output.receive) this.receive(member, received);
    if (this.autoPersist && member.writes.length > 0) this.persist(numberOf(member.id));
    return output;
  }

  private sendChunk(member: Member, request: Output["chunkRequests"][number]): void {
    if (member.disk.snapshot?.index !== request.meta.index) {
      this.input(numberOf(member.id), { kind: "snapshot-gone", to: request.to, meta: request.meta });
      return;
    }
    const end = request.offset + this.chunkBytes;
    if (request.offset > 0 && request.offset >= member.disk.snapshotBytes.length) return;
    const chunk = member.disk.snapshotBytes.slice(request.offset, end);
    this.network.push({
      kind: "snapshot-chunk",
      from: member.id,
      to: request.to,
      term: request.term,
      meta: request.meta,
      digest: text(member.disk.snapshotBytes).slice(0, 200),
      offset: request.offset,
      bytes: chunk,
      done: end >= member.disk.snapshotBytes.length,
    });
  }

  private receive(member: Member, received: Output["receive"][number]): void {
    const number = numberOf(member.id);
    if (received.kind !== "chunk") {
      member.incoming = [];
      return;
    }
    member.incoming.push(...received.bytes);
    if (!received.done) {
      const offset = received.offset + received.bytes.length;
      this.input(number, { kind: "chunk-stored", meta: received.meta, offset });
      return;
    }
    member.disk.snapshot = received.meta;
    member.disk.snapshotBytes = Uint8Array.from(member.incoming);
    this.input(number, { kind: "snapshot-received", meta: received.meta });
  }
}

export function memberId(number: number): MemberId {
  return asId<MemberId>(`m${number}`);
}

export function numberOf(id: MemberId): number {
  return Number(id.slice(1));
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

/** The log of a core as `term:payload`, `.` for a no-op. */
export function logOf(core: RaftState): string[] {
  return core.log.entries.map(show);
}

export function show(entry: Entry): string {
  return `${entry.term}:${isOwn(entry) ? showOwn(entry) : text(entry.payload)}`;
}

function showOwn(entry: Entry): string {
  const membership = decodeMembershipEntry(entry.payload);
  return membership === null ? "." : showMembership(membership);
}

/** Voters in braces; behind `<` the voters on their way out, behind `+` the learners, behind `#` how a group's id begins. */
export function showMembership({ voters, outgoing, learners, groupId }: Membership): string {
  const id = groupId === undefined || groupId === GROUP ? "" : `#${groupId.slice(0, 4)}`;
  const from = outgoing.length > 0 ? `<${outgoing.join(",")}` : "";
  const plus = learners.length > 0 ? `+${learners.join(",")}` : "";
  return `{${voters.join(",")}${from}${plus}${id}}`;
}

export function entry(index: number, term: number, payload = ""): Entry {
  return { index: asIndex(index), term: asTerm(term), payload: bytes(payload) };
}

/** Entries from index 1 on with these terms. */
export function entriesOfTerms(...terms: number[]): Entry[] {
  return terms.map((term, i) => entry(i + 1, term, `e${i + 1}`));
}

export function emptyDisk(): DiskImage {
  return {
    hardState: { term: asTerm(0), votedFor: null, healing: false },
    snapshot: undefined,
    snapshotBytes: new Uint8Array(0),
    entries: [],
  };
}

export function applyWrite(disk: DiskImage, write: Write): void {
  if (write.hardState !== null) disk.hardState = write.hardState;
  if (write.resetTo !== null) disk.entries = [];
  const first = write.entries[0];
  if (first === undefined) return;
  disk.entries = disk.entries.filter((held) => held.index < first.index);
  disk.entries.push(...write.entries);
}

function termOf(member: Member, index: LogIndex): Entry["term"] {
  const found = member.applied.find((applied) => applied.index === index);
  if (found === undefined) throw new Error(`entry ${index} is not applied`);
  return found.term;
}

function encodeApplied(applied: readonly Entry[]): Uint8Array {
  return bytes(
    JSON.stringify(applied.map((one) => [one.index, one.term, Buffer.from(one.payload).toString("latin1")])),
  );
}

function decodeApplied(image: Uint8Array): Entry[] {
  const rows = JSON.parse(text(image)) as [number, number, string][];
  return rows.map(([index, term, payload]) => ({
    ...entry(index, term),
    payload: Uint8Array.from(Buffer.from(payload, "latin1")),
  }));
}
