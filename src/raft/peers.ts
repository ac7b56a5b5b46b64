// Connections to the other members, who come and go. Each member dials every other one and speaks on the connection that
// it dialled; on those that were dialled to it, it only listens. A message that cannot leave now is dropped: Raft repeats
// itself.
import type { GroupId, MemberId } from "../kernel/ids.ts";
import type { Clock, Listener, Network, Random, Timer, Tracer } from "../kernel/ports.ts";
import { Callers } from "./callers.ts";
import { encodeMessage, haveSameFrame } from "./codec.ts";
import { foreignReason } from "./foreign.ts";
import { encodeHandshake, type Handshake } from "./handshake.ts";
import { FOREIGN_MAX, GUEST_IDLE_MS, GUESTS_MAX } from "./limits.ts";
import type { Message } from "./messages.ts";
import { PeerLink } from "./peer-link.ts";

export interface PeerAddress {
  readonly id: MemberId;
  readonly address: string;
  /** For clients; opaque here. */
  readonly apiAddress?: string;
}

export interface PeersOptions {
  readonly self: MemberId;
  /** Where the others dial this member; told to them in every handshake. */
  readonly address: string;
  readonly listenAddress: string;
  readonly clusterName: string;
  /** A connection on which we have spoken for so long without hearing from the member is dialled anew. */
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly tracer: Tracer;
  /** What no member that works would say: the reason to hang up, or null. */
  faultOf(message: Message): string | null;
  onMessage(message: Message): void;
  /** What was sent to the member may not have arrived. */
  onUnreachable(member: MemberId): void;
  /** One that belongs to a group is connected to us; null: none is any more. */
  onFounded(by: MemberId | null): void;
  /** A member that had called: it has no connection to us now, and its machine says that nobody listens there. */
  onGone(member: MemberId): void;
}

/** One that is not among the members, for all we know: it has called, or it was one; it is linked while it is spoken to. */
interface Guest {
  readonly address: string;
  usedMs: number;
  timer: Timer | null;
}

export class Peers {
  private readonly options: PeersOptions;
  private readonly callers: Callers;
  private readonly links: Map<MemberId, PeerLink> = new Map();
  private members: ReadonlyMap<MemberId, string> = new Map();
  private readonly guests: Map<MemberId, Guest> = new Map();
  /** Those who have called since they were last said to be gone. */
  private readonly alive: Set<MemberId> = new Set();
  /** The group that this member belongs to, once it knows. */
  private groupId: GroupId | null = null;
  private founded: MemberId | null = null;
  /** Those of other groups that were complained of, with their group. */
  private readonly foreign: Map<MemberId, GroupId> = new Map();
  private listener: Listener | null = null;
  private phase: "new" | "running" | "stopped" = "new";

  constructor(options: PeersOptions) {
    this.options = options;
    this.callers = new Callers({
      self: options.self,
      clusterName: options.clusterName,
      clock: options.clock,
      tracer: options.tracer,
      refusalOf: (caller) => this.refusalOf(caller),
      onCalled: (caller) => this.called(caller),
      onGroupsHeard: () => this.hearGroups(),
      faultOf: (message) => options.faultOf(message),
      onMessage: (message) => {
        this.links.get(message.from)?.heard();
        options.onMessage(message);
      },
      onGone: (member) => this.tellIfGone(member),
    });
  }

  /** Listens and begins to dial. Rejects if the address cannot be listened on. */
  async start(): Promise<void> {
    const { network, listenAddress } = this.options;
    const listener = await network.listen(listenAddress, (connection) => this.callers.accept(connection));
    if (this.phase === "stopped") {
      await listener.close();
      return;
    }
    this.listener = listener;
    this.phase = "running";
    for (const link of this.links.values()) link.start();
  }

  /**
   * From now on these are the members. New ones are dialled. One that has left stays linked while it is spoken to: it
   * is to hear that it has left.
   * @param members those whose address is known; this one may be among them
   */
  update(members: readonly PeerAddress[]): void {
    const before = this.members;
    this.members = new Map(members.map(({ id, address }) => [id, address]));
    for (const [id, address] of this.members) {
      this.forgetGuest(id);
      if (id !== this.options.self && this.links.get(id)?.address !== address) this.link(id, address);
    }
    for (const [id, address] of before) {
      if (!this.members.has(id) && id !== this.options.self) this.beGuest(id, address);
    }
  }

  /** This member has come to know its group: whoever belongs to another one is not listened to any more. */
  joinGroup(groupId: GroupId | null): void {
    if (groupId === this.groupId) return;
    this.groupId = groupId;
    for (const link of this.links.values()) link.greetAgain();
    this.callers.recheck();
  }

  send(message: Message): void {
    this.sendAll([message]);
  }

  /** Entries that go to several members are encoded once. */
  sendAll(messages: readonly Message[]): void {
    let last: { readonly message: Message; readonly frame: Uint8Array } | null = null;
    for (const message of messages) {
      const guest = this.guests.get(message.to);
      if (guest !== undefined) this.use(message.to, guest);
      const link = this.links.get(message.to);
      if (link === undefined) continue;
      if (last === null || !haveSameFrame(last.message, message)) {
        last = { message, frame: encodeMessage(message) };
      }
      link.send(last.frame);
    }
  }

  async stop(): Promise<void> {
    this.phase = "stopped";
    for (const link of this.links.values()) link.stop();
    for (const { timer } of this.guests.values()) timer?.cancel();
    this.callers.stop();
    await this.listener?.close();
    this.listener = null;
  }

  private refusalOf(caller: Handshake): string | null {
    const { from, groupId } = caller;
    if (groupId !== null && this.groupId !== null && groupId !== this.groupId) {
      this.complain(caller, groupId, this.groupId);
      return `of another cluster: its id is ${groupId}, ours is ${this.groupId}`;
    }
    if (this.members.has(from) || this.guests.has(from) || this.guests.size < GUESTS_MAX) return null;
    return `unknown member "${from}", and too many of them`;
  }

  /** Says once what is to be done, here and (by calling back) there: nobody but an operator knows which one is wrong. */
  private complain({ from, address }: Handshake, theirs: GroupId, ours: GroupId): void {
    const isMember = this.members.has(from);
    if (!isMember && this.guests.size < GUESTS_MAX) this.beGuest(from, address);
    if (this.foreign.get(from) === theirs) return;
    if (this.foreign.size >= FOREIGN_MAX) this.foreign.clear();
    this.foreign.set(from, theirs);
    const facts = { member: from, address, theirs, ours };
    const reason = foreignReason(this.options.self, facts, isMember);
    this.options.tracer.error("raft.other-cluster", { ...facts, reason });
  }

  private hearGroups(): void {
    const by = this.callers.ofSomeGroup();
    if (by === this.founded) return;
    this.founded = by;
    this.options.onFounded(by);
  }

  private called({ from, address }: Handshake): void {
    this.alive.add(from);
    if (!this.members.has(from)) this.beGuest(from, address);
    this.links.get(from)?.called();
  }

  private beGuest(id: MemberId, address: string): void {
    const known = this.guests.get(id);
    if (known?.address === address) return;
    this.forgetGuest(id);
    const guest: Guest = { address, usedMs: 0, timer: null };
    this.guests.set(id, guest);
    this.use(id, guest);
  }

  /** Links it if it is not, for as long as it is used. */
  private use(id: MemberId, guest: Guest): void {
    guest.usedMs = this.options.clock.monotonicMs();
    if (this.links.get(id)?.address !== guest.address) this.link(id, guest.address);
    if (guest.timer === null) this.watch(id, guest, GUEST_IDLE_MS);
  }

  private watch(id: MemberId, guest: Guest, delayMs: number): void {
    if (this.phase === "stopped") return;
    guest.timer = this.options.clock.after(delayMs, () => {
      guest.timer = null;
      const left = guest.usedMs + GUEST_IDLE_MS - this.options.clock.monotonicMs();
      if (left > 0) this.watch(id, guest, left);
      else this.sendOff(id, guest);
    });
  }

  /** Nobody speaks to it any more; while it still speaks to us its address is kept. */
  private sendOff(id: MemberId, guest: Guest): void {
    this.links.get(id)?.stop();
    this.links.delete(id);
    if (this.callers.has(id)) this.watch(id, guest, GUEST_IDLE_MS);
    else {
      this.forgetGuest(id);
      this.alive.delete(id);
    }
  }

  private forgetGuest(id: MemberId): void {
    this.guests.get(id)?.timer?.cancel();
    this.guests.delete(id);
  }

  private link(id: MemberId, address: string): void {
    this.links.get(id)?.stop();
    const { self, clusterName, silenceMs, clock, random, network, tracer } = this.options;
    const link = new PeerLink({
      member: id,
      address,
      greeting: () =>
        encodeHandshake({
          clusterName,
          from: self,
          to: id,
          address: this.options.address,
          groupId: this.groupId,
        }),
      silenceMs,
      clock,
      random,
      network,
      tracer,
      onUnreachable: () => this.options.onUnreachable(id),
      onRefused: () => this.tellIfGone(id),
    });
    this.links.set(id, link);
    if (this.phase === "running") link.start();
  }

  private tellIfGone(member: MemberId): void {
    if (this.phase !== "running" || this.callers.has(member)) return;
    if (this.links.get(member)?.isRefused === true && this.alive.delete(member)) this.options.onGone(member);
  }
}
