// The connection on which we speak to one member: dialled, dialled again with growing pauses when it breaks or when
// nothing comes back, and guarded against a member that reads more slowly than we write.
import type { MemberId } from "../kernel/ids.ts";
import type { Clock, Connection, Network, Random, Timer, Tracer } from "../kernel/ports.ts";
import { between } from "../kernel/random.ts";
import {
  CONNECTION_STABLE_MS,
  HANDSHAKE_TIMEOUT_MS,
  PEER_BUFFER_BYTES_MAX,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  UNANSWERED_FRAMES_MIN,
} from "./limits.ts";

export interface PeerLinkOptions {
  readonly member: MemberId;
  readonly address: string;
  /** The first frame of each connection. */
  greeting(): Uint8Array;
  /** A connection on which we have spoken for so long without hearing from the member is given up. */
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly tracer: Tracer;
  /** What was sent may not have arrived. */
  onUnreachable(): void;
  /** The member's machine says that nobody listens at its address. */
  onRefused(): void;
}

/** Frames sent since the member was last heard, and when the first of them was. */
interface Unanswered {
  readonly sinceMs: number;
  frames: number;
}

export class PeerLink {
  private readonly options: PeerLinkOptions;
  private connection: Connection | null = null;
  /** Since when the connection is open; null if it is not. */
  private openedMs: number | null = null;
  private failures = 0;
  private refused = false;
  private unanswered: Unanswered | null = null;
  /** When a connection was last made anew because the member had dialled us. */
  private redialledMs: number = Number.NEGATIVE_INFINITY;
  private retry: Timer | null = null;
  private stopped = false;

  constructor(options: PeerLinkOptions) {
    this.options = options;
  }

  get address(): string {
    return this.options.address;
  }

  /** True if the last attempt to connect was answered by "nobody listens here". */
  get isRefused(): boolean {
    return this.refused;
  }

  start(): void {
    this.dial();
  }

  stop(): void {
    this.stopped = true;
    this.retry?.cancel();
    this.connection?.close();
    this.connection = null;
  }

  /** Drops the frame if there is no connection or too much is waiting in it. */
  send(frame: Uint8Array): void {
    const { connection } = this;
    if (connection === null || this.openedMs === null) return;
    if (this.isSilent()) this.abandon(connection, "no word from it");
    else if (connection.bufferedBytes() > PEER_BUFFER_BYTES_MAX) this.options.onUnreachable();
    else connection.send(frame);
  }

  /** Says anew who speaks, because that has changed. */
  greetAgain(): void {
    if (this.connection !== null && this.openedMs !== null) this.connection.send(this.options.greeting());
  }

  /** The member has said something, on whichever connection. */
  heard(): void {
    this.unanswered = null;
  }

  /**
   * The member has dialled us, so it is alive: no need to wait out a pause. If our connection is older, the member may
   * have lost its side of it, with its power, or hears nothing on it, and our system may go on trying that one for
   * minutes: a new one costs little. Its own answer to this finds a connection that is new, or, from far away, one that
   * was made anew within the time that a handshake may take: two members would otherwise go on like this for ever.
   */
  called(): void {
    const { connection, openedMs } = this;
    if (this.retry !== null) {
      this.retry.cancel();
      this.retry = null;
      this.dial();
    } else if (connection !== null && openedMs !== null && this.hasLasted(openedMs) && !this.hasRedialled()) {
      this.redialledMs = this.options.clock.monotonicMs();
      this.abandon(connection, "it has dialled us anew");
    }
  }

  private dial(): void {
    if (this.stopped) return;
    const { network, address } = this.options;
    const connection = network.dial(address, {
      onOpen: () => this.opened(connection),
      // The other side speaks on a connection of its own.
      frameBytesMax: () => 0,
      onFrame: () => undefined,
      onClose: (reason, isRefused) => this.closed(connection, reason, isRefused === true),
    });
    this.connection = connection;
  }

  private opened(connection: Connection): void {
    if (this.stopped || this.connection !== connection) return;
    const { member, address, tracer, clock } = this.options;
    this.refused = false;
    const names = connection.peerNames?.();
    if (names !== undefined && !names.includes(member)) {
      tracer.warn("raft.wrong-member", { member, address, names });
      connection.close();
      this.connection = null;
      this.scheduleDial();
      return;
    }
    connection.send(this.options.greeting());
    this.openedMs = clock.monotonicMs();
    this.unanswered = null;
    tracer.debug("raft.connected", { member });
  }

  private closed(connection: Connection, reason: string, isRefused: boolean): void {
    if (this.stopped || this.connection !== connection) return;
    if (this.openedMs !== null) this.lost(reason);
    else {
      this.connection = null;
      this.scheduleDial();
      this.refused = isRefused;
      if (isRefused) this.options.onRefused();
    }
  }

  private abandon(connection: Connection, reason: string): void {
    connection.close();
    this.lost(reason);
  }

  /** A connection that has lasted is replaced at once: how that goes tells whether the member's process is still there. */
  private lost(reason: string): void {
    const { member, tracer } = this.options;
    const hasLasted = this.hasLasted(this.openedMs ?? 0);
    this.connection = null;
    this.openedMs = null;
    this.unanswered = null;
    tracer.info("raft.disconnected", { member, reason });
    if (hasLasted) {
      this.failures = 0;
      this.dial();
    } else this.scheduleDial();
    this.options.onUnreachable();
  }

  /** Pauses double from RECONNECT_MIN_MS to RECONNECT_MAX_MS; half of each is drawn, so that members do not march in step. */
  private scheduleDial(): void {
    const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** this.failures);
    if (ceiling < RECONNECT_MAX_MS) this.failures++;
    const pause = between(this.options.random, ceiling >> 1, ceiling);
    this.retry = this.options.clock.after(pause, () => {
      this.retry = null;
      this.dial();
    });
  }

  /** Counts the frame that is about to be sent. Time alone says nothing: this process may have been paused. */
  private isSilent(): boolean {
    this.unanswered ??= { sinceMs: this.options.clock.monotonicMs(), frames: 0 };
    this.unanswered.frames++;
    return (
      this.unanswered.frames > UNANSWERED_FRAMES_MIN && this.ageOf(this.unanswered) > this.options.silenceMs
    );
  }

  private hasRedialled(): boolean {
    return this.options.clock.monotonicMs() - this.redialledMs < HANDSHAKE_TIMEOUT_MS;
  }

  private hasLasted(openedMs: number): boolean {
    return this.options.clock.monotonicMs() - openedMs >= CONNECTION_STABLE_MS;
  }

  private ageOf({ sinceMs }: Unanswered): number {
    return this.options.clock.monotonicMs() - sinceMs;
  }
}
