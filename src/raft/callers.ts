// Connections that other members dialled to us: who speaks on them, and what they say. On these we only listen. Whoever
// does not introduce himself as a member of this cluster is hung up on, and until then costs next to nothing.
import type { MemberId } from "../kernel/ids.ts";
import type { Clock, Connection, ConnectionHandler, Timer, Tracer } from "../kernel/ports.ts";
import { decodeMessage } from "./codec.ts";
import { acceptHandshake, type Handshake, isHandshake } from "./handshake.ts";
import { FRAME_BYTES_MAX, HANDSHAKE_BYTES_MAX, HANDSHAKE_TIMEOUT_MS, STRANGERS_MAX } from "./limits.ts";
import type { Message } from "./messages.ts";

export interface CallersOptions {
  readonly self: MemberId;
  readonly clusterName: string;
  readonly clock: Clock;
  readonly tracer: Tracer;
  /** The reason to refuse a member, or null. */
  refusalOf(caller: Handshake): string | null;
  onCalled(caller: Handshake): void;
  /** Another one is heard from, or none any more, that knows of a group. */
  onGroupsHeard(): void;
  /** What no member that works would say: the reason to hang up, or null. */
  faultOf(message: Message): string | null;
  onMessage(message: Message): void;
  /** The member has no connection to us any more. */
  onGone(member: MemberId): void;
}

/** One accepted connection; `greeting` is null until it has introduced itself. */
interface Caller {
  readonly connection: Connection;
  readonly deadline: Timer;
  greeting: Handshake | null;
}

export class Callers {
  private readonly options: CallersOptions;
  private readonly strangers: Set<Caller> = new Set();
  /** One a member: a new one closes the one before. */
  private readonly members: Map<MemberId, Caller> = new Map();
  private stopped = false;

  constructor(options: CallersOptions) {
    this.options = options;
  }

  has(member: MemberId): boolean {
    return this.members.has(member);
  }

  /** One that belongs to a group, if there is any. */
  ofSomeGroup(): MemberId | null {
    for (const [member, { greeting }] of this.members) if (greeting?.groupId != null) return member;
    return null;
  }

  /** Hangs up on those whom `refusalOf` has come to refuse. */
  recheck(): void {
    for (const caller of [...this.members.values()]) {
      const reason = caller.greeting === null ? null : this.options.refusalOf(caller.greeting);
      if (reason !== null) this.hangUp(caller, reason);
    }
  }

  accept(connection: Connection): ConnectionHandler {
    if (this.stopped || this.strangers.size >= STRANGERS_MAX) {
      connection.close();
      return { frameBytesMax: () => 0, onFrame: () => undefined, onClose: () => undefined };
    }
    const deadline = this.options.clock.after(HANDSHAKE_TIMEOUT_MS, () =>
      this.hangUp(caller, "no handshake"),
    );
    const caller: Caller = { connection, deadline, greeting: null };
    this.strangers.add(caller);
    return {
      frameBytesMax: () => (caller.greeting === null ? HANDSHAKE_BYTES_MAX : FRAME_BYTES_MAX),
      onFrame: (frame) => this.receive(caller, frame),
      onClose: () => this.closed(caller),
    };
  }

  stop(): void {
    this.stopped = true;
    for (const { connection, deadline } of [...this.strangers, ...this.members.values()]) {
      deadline.cancel();
      connection.close();
    }
    this.strangers.clear();
    this.members.clear();
  }

  private receive(caller: Caller, frame: Uint8Array): void {
    const { greeting } = caller;
    if (greeting === null) {
      if (this.strangers.has(caller)) this.greet(caller, frame);
      return;
    }
    const { from } = greeting;
    if (this.members.get(from) !== caller) return;
    const reason = isHandshake(frame) ? this.greetAgain(caller, from, frame) : this.take(from, frame);
    if (reason !== null) this.hangUp(caller, reason);
  }

  private greet(caller: Caller, frame: Uint8Array): void {
    const greeting = acceptHandshake(frame, this.options);
    const reason = greeting.ok ? this.refusal(caller, greeting.value) : greeting.error;
    if (reason !== null || !greeting.ok) {
      this.hangUp(caller, reason ?? "not a member's handshake");
      return;
    }
    const { from } = greeting.value;
    const before = this.members.get(from);
    this.strangers.delete(caller);
    caller.deadline.cancel();
    caller.greeting = greeting.value;
    this.members.set(from, caller);
    before?.connection.close();
    this.options.onCalled(greeting.value);
    this.options.onGroupsHeard();
  }

  /** It has come to know its group. @returns the reason to hang up, or null */
  private greetAgain(caller: Caller, from: MemberId, frame: Uint8Array): string | null {
    const greeting = acceptHandshake(frame, this.options);
    if (!greeting.ok) return greeting.error;
    if (greeting.value.from !== from) return `another name than "${from}"`;
    const reason = this.options.refusalOf(greeting.value);
    if (reason !== null) return reason;
    caller.greeting = greeting.value;
    this.options.onGroupsHeard();
    return null;
  }

  private refusal(caller: Caller, greeting: Handshake): string | null {
    const names = caller.connection.peerNames?.();
    if (names !== undefined && !names.includes(greeting.from)) {
      return `"${greeting.from}" by a certificate of ${names.join(", ") || "nobody"}`;
    }
    return this.options.refusalOf(greeting);
  }

  /** The reason to hang up, or null. */
  private take(from: MemberId, frame: Uint8Array): string | null {
    if (frame.length > FRAME_BYTES_MAX) return `a frame of ${frame.length} bytes`;
    const decoded = decodeMessage(frame, from, this.options.self);
    if (!decoded.ok) return decoded.error;
    const fault = this.options.faultOf(decoded.value);
    if (fault === null) this.options.onMessage(decoded.value);
    return fault;
  }

  private hangUp(caller: Caller, reason: string): void {
    const from = caller.greeting?.from ?? null;
    this.options.tracer.warn("raft.connection-refused", { from, reason });
    caller.connection.close();
    this.closed(caller);
  }

  private closed(caller: Caller): void {
    caller.deadline.cancel();
    const { greeting } = caller;
    if (greeting === null) this.strangers.delete(caller);
    else if (this.members.get(greeting.from) === caller) {
      this.members.delete(greeting.from);
      this.options.onGone(greeting.from);
      this.options.onGroupsHeard();
    }
  }
}
