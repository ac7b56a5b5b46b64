// Connections that other members dialled to us: who speaks on them, and what they say. On these we only listen. Whoever
// does not introduce himself as a member of this cluster is hung up on, and until then costs next to nothing.
import type { MemberId } from "../kernel/ids.ts";
import type { Clock, Connection, ConnectionHandler, Timer, Tracer } from "../kernel/ports.ts";
import { decodeMessage } from "./codec.ts";
import { acceptHandshake, type Handshake } from "./handshake.ts";
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
  onMessage(message: Message): void;
  /** The member has no connection to us any more. */
  onGone(member: MemberId): void;
}

/** One accepted connection; `from` is null until it has introduced itself. */
interface Caller {
  readonly connection: Connection;
  readonly deadline: Timer;
  from: MemberId | null;
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

  accept(connection: Connection): ConnectionHandler {
    if (this.stopped || this.strangers.size >= STRANGERS_MAX) {
      connection.close();
      return { frameBytesMax: () => 0, onFrame: () => undefined, onClose: () => undefined };
    }
    const deadline = this.options.clock.after(HANDSHAKE_TIMEOUT_MS, () =>
      this.hangUp(caller, "no handshake"),
    );
    const caller: Caller = { connection, deadline, from: null };
    this.strangers.add(caller);
    return {
      frameBytesMax: () => (caller.from === null ? HANDSHAKE_BYTES_MAX : FRAME_BYTES_MAX),
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
    const { from } = caller;
    if (from === null) {
      if (this.strangers.has(caller)) this.greet(caller, frame);
      return;
    }
    if (this.members.get(from) !== caller) return;
    const reason = this.take(from, frame);
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
    caller.from = from;
    this.members.set(from, caller);
    before?.connection.close();
    this.options.onCalled(greeting.value);
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
    this.options.onMessage(decoded.value);
    return null;
  }

  private hangUp(caller: Caller, reason: string): void {
    this.options.tracer.warn("raft.connection-refused", { from: caller.from, reason });
    caller.connection.close();
    this.closed(caller);
  }

  private closed(caller: Caller): void {
    caller.deadline.cancel();
    const { from } = caller;
    if (from === null) this.strangers.delete(caller);
    else if (this.members.get(from) === caller) {
      this.members.delete(from);
      this.options.onGone(from);
    }
  }
}
