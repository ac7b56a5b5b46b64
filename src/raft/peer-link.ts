// The connection on which we speak to one member: dialled, dialled again with growing pauses when it breaks, and
// guarded against a member that reads more slowly than we write.
import type { MemberId } from "../kernel/ids.ts";
import type { Clock, Connection, Network, Random, Timer, Tracer } from "../kernel/ports.ts";
import { between } from "../kernel/random.ts";
import { PEER_BUFFER_BYTES_MAX, RECONNECT_MAX_MS, RECONNECT_MIN_MS } from "./limits.ts";

export interface PeerLinkOptions {
  readonly member: MemberId;
  readonly address: string;
  /** The first frame of each connection. */
  readonly greeting: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly tracer: Tracer;
  onUnreachable(): void;
}

export class PeerLink {
  private readonly options: PeerLinkOptions;
  private connection: Connection | null = null;
  private isOpen = false;
  private failures = 0;
  private retry: Timer | null = null;
  private stopped = false;

  constructor(options: PeerLinkOptions) {
    this.options = options;
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
    if (connection === null || !this.isOpen) return;
    if (connection.bufferedBytes() > PEER_BUFFER_BYTES_MAX) this.options.onUnreachable();
    else connection.send(frame);
  }

  /** Ends a pause between attempts. */
  retryNow(): void {
    if (this.retry === null) return;
    this.retry.cancel();
    this.retry = null;
    this.dial();
  }

  private dial(): void {
    if (this.stopped) return;
    const { network, address } = this.options;
    const connection = network.dial(address, {
      onOpen: () => this.opened(connection),
      // The other side speaks on a connection of its own.
      onFrame: () => undefined,
      onClose: (reason) => this.closed(connection, reason),
    });
    this.connection = connection;
  }

  private opened(connection: Connection): void {
    if (this.stopped || this.connection !== connection) return;
    connection.send(this.options.greeting);
    this.isOpen = true;
    this.failures = 0;
    this.options.tracer.debug("raft.connected", { member: this.options.member });
  }

  private closed(connection: Connection, reason: string): void {
    if (this.stopped || this.connection !== connection) return;
    const wasOpen = this.isOpen;
    this.connection = null;
    this.isOpen = false;
    this.scheduleDial();
    if (!wasOpen) return;
    this.options.tracer.info("raft.disconnected", { member: this.options.member, reason });
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
}
