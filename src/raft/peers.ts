// Connections to the other members. Each member dials every other one and speaks on the connection that it dialled;
// on those that were dialled to it, it only listens. A message that cannot leave now is dropped: Raft repeats itself.
import type { MemberId } from "../kernel/ids.ts";
import type {
  Clock,
  Connection,
  ConnectionHandler,
  Listener,
  Network,
  Random,
  Tracer,
} from "../kernel/ports.ts";
import { decodeMessage, encodeMessage } from "./codec.ts";
import { acceptHandshake, encodeHandshake } from "./handshake.ts";
import { FRAME_BYTES_MAX, HANDSHAKE_TIMEOUT_MS, STRANGERS_MAX } from "./limits.ts";
import type { Message } from "./messages.ts";
import { PeerLink } from "./peer-link.ts";

export interface PeerAddress {
  readonly id: MemberId;
  readonly address: string;
}

export interface PeersOptions {
  readonly self: MemberId;
  readonly members: readonly PeerAddress[];
  readonly listenAddress: string;
  readonly clusterName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly tracer: Tracer;
  onMessage(message: Message): void;
  /** What was sent to the member may not have arrived. */
  onUnreachable(member: MemberId): void;
}

/** One accepted connection; `from` is null until it has introduced itself. */
interface Incoming {
  readonly connection: Connection;
  from: MemberId | null;
}

export class Peers {
  private readonly options: PeersOptions;
  private readonly links: Map<MemberId, PeerLink> = new Map();
  private readonly incoming: Set<Incoming> = new Set();
  private listener: Listener | null = null;
  private strangers = 0;
  private stopped = false;

  constructor(options: PeersOptions) {
    this.options = options;
    for (const { id, address } of options.members) {
      if (id !== options.self) this.links.set(id, this.linkTo(id, address));
    }
  }

  /** Listens and begins to dial. Rejects if the address cannot be listened on. */
  async start(): Promise<void> {
    if (this.links.size === 0) return;
    const { network, listenAddress } = this.options;
    const listener = await network.listen(listenAddress, (connection) => this.accept(connection));
    if (this.stopped) {
      await listener.close();
      return;
    }
    this.listener = listener;
    for (const link of this.links.values()) link.start();
  }

  send(message: Message): void {
    this.links.get(message.to)?.send(encodeMessage(message));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const link of this.links.values()) link.stop();
    for (const { connection } of this.incoming) connection.close();
    this.incoming.clear();
    await this.listener?.close();
    this.listener = null;
  }

  private linkTo(id: MemberId, address: string): PeerLink {
    const { self, clusterName, clock, random, network, tracer, onUnreachable } = this.options;
    return new PeerLink({
      member: id,
      address,
      greeting: encodeHandshake({ clusterName, from: self, to: id }),
      clock,
      random,
      network,
      tracer,
      onUnreachable: () => onUnreachable(id),
    });
  }

  private accept(connection: Connection): ConnectionHandler {
    const incoming: Incoming = { connection, from: null };
    if (this.stopped || this.strangers >= STRANGERS_MAX) {
      connection.close();
      return { onFrame: () => undefined, onClose: () => undefined };
    }
    this.incoming.add(incoming);
    this.strangers++;
    const deadline = this.options.clock.after(HANDSHAKE_TIMEOUT_MS, () => {
      if (incoming.from === null) this.hangUp(incoming, "no handshake");
    });
    return {
      onFrame: (frame) => {
        if (!this.incoming.has(incoming)) return;
        if (incoming.from === null) this.greet(incoming, frame);
        else this.receive(incoming, incoming.from, frame);
        if (incoming.from !== null) deadline.cancel();
      },
      onClose: () => {
        deadline.cancel();
        this.forget(incoming);
      },
    };
  }

  private greet(incoming: Incoming, frame: Uint8Array): void {
    const { clusterName, self, members } = this.options;
    const known = { clusterName, self, members: members.map(({ id }) => id) };
    const greeting = acceptHandshake(frame, known);
    if (!greeting.ok) {
      this.hangUp(incoming, greeting.error);
      return;
    }
    incoming.from = greeting.value;
    this.strangers--;
    // Whoever dials us is alive: no need to wait out our own back-off.
    this.links.get(greeting.value)?.retryNow();
  }

  private receive(incoming: Incoming, from: MemberId, frame: Uint8Array): void {
    if (frame.length > FRAME_BYTES_MAX) {
      this.hangUp(incoming, `a frame of ${frame.length} bytes`);
      return;
    }
    const decoded = decodeMessage(frame, from, this.options.self);
    if (decoded.ok) this.options.onMessage(decoded.value);
    else this.hangUp(incoming, decoded.error);
  }

  private hangUp(incoming: Incoming, reason: string): void {
    this.options.tracer.warn("raft.connection-refused", { from: incoming.from, reason });
    this.forget(incoming);
    incoming.connection.close();
  }

  private forget(incoming: Incoming): void {
    if (this.incoming.delete(incoming) && incoming.from === null) this.strangers--;
  }
}
