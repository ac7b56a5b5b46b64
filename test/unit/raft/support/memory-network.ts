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

interface Pair {
  readonly from: string;
  readonly to: string;
  /** A side lost its power: nothing arrives, and nobody is told. */
  frozen: boolean;
  breakUp(reason: string, isRefused?: boolean): void;
}

/** A dial that nobody answers fails after so long. */
const DIAL_TIMEOUT_MS = 2000;

export class MemoryNetwork {
  private readonly clock: Clock;
  private readonly listeners: Map<string, (connection: Connection) => ConnectionHandler> = new Map();
  private readonly pairs: Set<Pair> = new Set();
  private readonly cuts: Set<string> = new Set();
  private readonly darkHosts: Set<string> = new Set();
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

  /** The machine lost its power; its peers notice nothing. It is back when it listens again. */
  goDark(address: string): void {
    this.listeners.delete(address);
    this.darkHosts.add(address);
    for (const pair of this.pairs) if (pair.from === address || pair.to === address) pair.frozen = true;
  }

  /** What was dialled from the one to the other so far carries nothing any more, and nobody is told. */
  stall(from: string, to: string): void {
    for (const pair of this.pairs) if (pair.from === from && pair.to === to) pair.frozen = true;
  }

  /** Open connections from one host to the other. */
  count(from: string, to: string): number {
    return [...this.pairs].filter((pair) => pair.from === from && pair.to === to && !pair.frozen).length;
  }

  private listen(address: string, accept: (connection: Connection) => ConnectionHandler): Promise<Listener> {
    this.listeners.set(address, accept);
    this.darkHosts.delete(address);
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
    const pair: Pair = {
      from,
      to,
      frozen: this.darkHosts.has(to),
      breakUp: (reason, isRefused) => this.breakUp(pair, near, far, reason, isRefused),
    };
    this.pairs.add(pair);
    const connection = this.connection(near, far, pair);
    if (pair.frozen) {
      this.clock.after(DIAL_TIMEOUT_MS, () => pair.breakUp("no answer"));
      return connection;
    }
    this.clock.after(this.delayMs, () => {
      if (near.closed) return;
      const accept = this.listeners.get(to);
      if (accept === undefined || this.cuts.has(key(from, to))) {
        pair.breakUp("no connection", !this.cuts.has(key(from, to)));
        return;
      }
      far.handler = accept(this.connection(far, near, pair));
      near.open = true;
      handler.onOpen?.();
    });
    return connection;
  }

  private connection(own: End, other: End, pair: Pair): Connection {
    return {
      send: (frame) => {
        if (own.closed || !own.open) return;
        this.frames++;
        this.clock.after(this.delayMs, () => {
          if (!other.closed && !own.closed && !pair.frozen) other.handler?.onFrame(frame);
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

  private breakUp(pair: Pair, near: End, far: End, reason: string, isRefused = false): void {
    if (!this.pairs.delete(pair)) return;
    for (const end of [near, far]) {
      if (end.closed || (pair.frozen && end === far)) continue;
      end.closed = true;
      this.clock.after(0, () => end.handler?.onClose(reason, isRefused));
    }
  }
}

function key(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
