// Connections in memory with a fixed delay. Links can be cut; hosts can vanish.
import type {
  Clock,
  Connection,
  ConnectionHandler,
  Listener,
  Network,
} from "../../../../src/kernel/ports.ts";

interface End {
  handler: ConnectionHandler | null;
  open: boolean;
  closed: boolean;
}

export class MemoryNetwork {
  private readonly clock: Clock;
  private readonly listeners: Map<string, (connection: Connection) => ConnectionHandler> = new Map();
  private readonly pairs: Set<{ from: string; to: string; breakUp: (reason: string) => void }> = new Set();
  private readonly cuts: Set<string> = new Set();
  delayMs = 1;
  /** Frames carried so far. */
  frames = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The network as the host with this address sees it. */
  host(own: string): Network {
    return {
      dial: (address, handler) => this.dial(own, address, handler),
      listen: (address, accept) => this.listen(address, accept),
    };
  }

  /** No connection between the two any more, in either direction. */
  cut(one: string, other: string): void {
    this.cuts.add(key(one, other));
    for (const pair of [...this.pairs]) {
      if (key(pair.from, pair.to) === key(one, other)) pair.breakUp("cut");
    }
  }

  heal(): void {
    this.cuts.clear();
  }

  /** The process behind the address is gone: its peers see their connections break. */
  vanish(address: string): void {
    this.listeners.delete(address);
    for (const pair of [...this.pairs]) {
      if (pair.from === address || pair.to === address) pair.breakUp("reset");
    }
  }

  private listen(address: string, accept: (connection: Connection) => ConnectionHandler): Promise<Listener> {
    this.listeners.set(address, accept);
    return Promise.resolve({
      address,
      close: () => {
        this.listeners.delete(address);
        return Promise.resolve();
      },
    });
  }

  private dial(from: string, to: string, handler: ConnectionHandler): Connection {
    const near: End = { handler, open: false, closed: false };
    const far: End = { handler: null, open: true, closed: false };
    const pair = { from, to, breakUp: (reason: string) => this.breakUp(pair, near, far, reason) };
    this.pairs.add(pair);
    const connection = this.connection(near, far, pair);
    this.clock.after(this.delayMs, () => {
      if (near.closed) return;
      const accept = this.listeners.get(to);
      if (accept === undefined || this.cuts.has(key(from, to))) {
        pair.breakUp("refused");
        return;
      }
      far.handler = accept(this.connection(far, near, pair));
      near.open = true;
      handler.onOpen?.();
    });
    return connection;
  }

  private connection(own: End, other: End, pair: { breakUp: (reason: string) => void }): Connection {
    return {
      send: (frame) => {
        if (own.closed || !own.open) return;
        this.frames++;
        this.clock.after(this.delayMs, () => {
          if (!other.closed && !own.closed) other.handler?.onFrame(frame);
        });
      },
      bufferedBytes: () => 0,
      close: () => {
        if (own.closed) return;
        own.closed = true;
        pair.breakUp("closed by peer");
      },
    };
  }

  private breakUp(
    pair: MemoryNetwork["pairs"] extends Set<infer P> ? P : never,
    near: End,
    far: End,
    reason: string,
  ): void {
    if (!this.pairs.delete(pair)) return;
    for (const end of [near, far]) {
      if (end.closed) continue;
      end.closed = true;
      this.clock.after(0, () => end.handler?.onClose(reason));
    }
  }
}

function key(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
