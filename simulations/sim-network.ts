// A virtual network of named hosts: the twin of TCP behind the Network port. Frames of one connection arrive in order or
// not at all; connections overtake each other, break, and hang while a path between two hosts is cut.
import type { Connection, ConnectionHandler, Listener, Network, Random } from "../src/kernel/ports.ts";
import { below, chance } from "../src/kernel/random.ts";
import type { EventLoop, Life, Micros } from "./event-loop.ts";
import type { Trace } from "./trace.ts";

export interface NetworkOptions {
  readonly latencyUs: { readonly low: number; readonly high: number };
  /** A frame that waits so long because the path is cut breaks its connection. */
  readonly giveUpMs: { readonly low: number; readonly high: number };
}

/** A dial that has no answer by then has failed. */
const DIAL_TIMEOUT_US = 2_000_000;
/** No frame is later than that: TCP sends it again, and the path may be another by then. */
const LATENCY_US_MAX = 10_000_000;

type Item =
  | { readonly kind: "open" }
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  | { readonly kind: "close"; readonly reason: string };

/** One side of a connection, and the way of what it sends. */
interface End {
  readonly host: string;
  readonly life: Life;
  readonly peerHost: string;
  peer: End | null;
  handler: ConnectionHandler;
  state: "opening" | "open" | "closed";
  /** Sent before the connection was open. */
  readonly unsent: Uint8Array[];
  /** Under way, oldest first. */
  readonly sent: Item[];
  sentBytes: number;
  lastArrival: Micros;
  /** The path was found cut: nothing moves until it is mended. */
  stalled: boolean;
}

interface OpenPort {
  readonly life: Life;
  readonly host: string;
  readonly accept: (connection: Connection) => ConnectionHandler;
}

export interface NetworkParts {
  readonly loop: EventLoop;
  readonly random: Random;
  readonly trace: Trace;
  readonly options: NetworkOptions;
}

export class SimNetwork {
  readonly #parts: NetworkParts;
  readonly #ports = new Map<string, OpenPort>();
  readonly #ends = new Set<End>();
  /** `from>to` of the paths that carry nothing. */
  readonly #cut = new Set<string>();
  /** How many times slower than usual a path is. */
  readonly #slow = new Map<string, number>();
  readonly #darkHosts = new Set<string>();
  readonly #network: Life = { name: "network", alive: true };
  /** For tests: what arrives in place of a frame; null loses it without a trace. */
  tamper: ((from: string, to: string, frame: Uint8Array) => Uint8Array | null) | null = null;

  /** Sees each frame that arrives. */
  watch: ((from: string, to: string, frame: Uint8Array) => void) | null = null;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** The network as one process on a host sees it. */
  port(host: string, life: Life): Network {
    return {
      dial: (address, handler) => this.#dial(host, life, address, handler),
      listen: (address, accept) => this.#listen(host, life, address, accept),
    };
  }

  /** Nothing goes from one host to the other; the other way is another path. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  mend(from: string, to: string): void {
    if (this.#cut.delete(`${from}>${to}`)) this.#resume((end) => end.host === from && end.peerHost === to);
  }

  slow(from: string, to: string, factor: number): void {
    if (factor === 1) this.#slow.delete(`${from}>${to}`);
    else this.#slow.set(`${from}>${to}`, factor);
  }

  healAll(): void {
    this.#cut.clear();
    this.#slow.clear();
    this.#resume(() => true);
  }

  /** A process ended: its machine closes its connections, and of what was under way a part arrives. */
  processEnded(life: Life): void {
    this.#closePorts(life);
    for (const end of [...this.#ends]) {
      if (end.life !== life) continue;
      this.#loseSome(end);
      this.#close(end, "the peer's process ended");
    }
  }

  /** A machine went dark: nobody is told. */
  wentDark(host: string, life: Life): void {
    this.#darkHosts.add(host);
    this.#closePorts(life);
    for (const end of [...this.#ends]) if (end.life === life) this.#forget(end);
  }

  isLit(host: string): void {
    if (this.#darkHosts.delete(host)) this.#resume((end) => end.peerHost === host);
  }

  /** Breaks one connection, as a router in between that lost its table does. False if there is none. */
  breakOne(): boolean {
    const open = [...this.#ends].filter((end) => end.state === "open");
    const end = open[below(this.#parts.random, Math.max(1, open.length))];
    if (end === undefined) return false;
    this.#loseSome(end);
    const { handler } = end;
    this.#close(end, "connection reset");
    if (end.life.alive) handler.onClose("connection reset");
    return true;
  }

  #dial(host: string, life: Life, address: string, handler: ConnectionHandler): Connection {
    const { loop } = this.#parts;
    const peerHost = hostOf(address);
    const end = this.#newEnd(host, life, peerHost, handler);
    loop.schedule(this.#latency(host, peerHost), this.#network, () => this.#arriveAt(address, end));
    loop.schedule(DIAL_TIMEOUT_US, life, () => {
      if (end.state === "opening") this.#failDial(end, "connecting took too long");
    });
    return this.#connection(end);
  }

  async #listen(
    host: string,
    life: Life,
    address: string,
    accept: (connection: Connection) => ConnectionHandler,
  ): Promise<Listener> {
    // A process that was killed between two turns of its promises goes no further.
    if (!life.alive) return new Promise(() => undefined);
    if (this.#ports.has(address)) throw new Error(`EADDRINUSE: ${address}`);
    this.#ports.set(address, { life, host, accept });
    return {
      address,
      close: async () => {
        this.#ports.delete(address);
        for (const end of [...this.#ends]) {
          if (end.life === life && end.state === "open") this.#close(end, "the listener closed");
        }
      },
    };
  }

  #arriveAt(address: string, dialer: End): void {
    if (dialer.state === "closed") return;
    const { loop } = this.#parts;
    const { host, peerHost } = dialer;
    if (this.#isCut(host, peerHost) || this.#darkHosts.has(peerHost)) return;
    const port = this.#ports.get(address);
    if (port === undefined) {
      const refuse = (): void => this.#failDial(dialer, "connection refused", true);
      if (!this.#isCut(peerHost, host)) loop.schedule(this.#latency(peerHost, host), dialer.life, refuse);
      return;
    }
    const acceptor = this.#newEnd(port.host, port.life, host, silent);
    acceptor.state = "open";
    acceptor.peer = dialer;
    dialer.peer = acceptor;
    this.#send(acceptor, { kind: "open" });
    loop.schedule(0, port.life, () => {
      if (acceptor.state !== "closed") acceptor.handler = port.accept(this.#connection(acceptor));
    });
  }

  #failDial(dialer: End, reason: string, isRefused = false): void {
    if (dialer.state === "closed") return;
    this.#forget(dialer);
    dialer.handler.onClose(reason, isRefused);
  }

  #connection(end: End): Connection {
    return {
      send: (frame) => {
        if (end.state === "closed") return;
        const bytes = frame.slice();
        if (end.state === "opening") end.unsent.push(bytes);
        else this.#send(end, { kind: "frame", bytes });
      },
      bufferedBytes: () => end.sentBytes,
      close: () => this.#close(end, "closed by the peer"),
    };
  }

  #newEnd(host: string, life: Life, peerHost: string, handler: ConnectionHandler): End {
    const end: End = {
      host,
      life,
      peerHost,
      peer: null,
      handler,
      state: "opening",
      unsent: [],
      sent: [],
      sentBytes: 0,
      lastArrival: 0,
      stalled: false,
    };
    this.#ends.add(end);
    return end;
  }

  #send(end: End, item: Item): void {
    end.sent.push(item);
    if (item.kind === "frame") end.sentBytes += item.bytes.length;
    if (!end.stalled) this.#scheduleArrival(end);
  }

  #scheduleArrival(end: End): void {
    const { loop } = this.#parts;
    const arrival = Math.max(end.lastArrival, loop.now + this.#latency(end.host, end.peerHost));
    end.lastArrival = arrival;
    loop.schedule(arrival - loop.now, this.#network, () => this.#arrive(end));
  }

  #arrive(from: End): void {
    const { peer } = from;
    if (from.stalled || peer === null || from.sent.length === 0) return;
    const { loop } = this.#parts;
    const { pausedUntil = 0 } = peer.life;
    if (pausedUntil > loop.now) {
      // The operating system has it, and the process reads it when it goes on.
      loop.schedule(pausedUntil - loop.now, this.#network, () => this.#arrive(from));
      return;
    }
    if (this.#isCut(from.host, from.peerHost) || this.#darkHosts.has(from.peerHost)) {
      this.#stall(from);
      return;
    }
    const item = from.sent.shift() as Item;
    if (item.kind === "frame") from.sentBytes -= item.bytes.length;
    if (peer.state !== "closed" && peer.life.alive) this.#deliver(from, peer, item);
    else if (from.state === "closed") this.#ends.delete(from);
    else this.#reset(from, peer);
  }

  #deliver(from: End, to: End, item: Item): void {
    this.#parts.loop.attribute(to.life);
    if (item.kind === "frame") this.#deliverFrame(from, to, item.bytes);
    else if (item.kind === "open") this.#opened(to);
    else {
      this.#forget(to);
      to.handler.onClose(item.reason);
    }
  }

  #deliverFrame(from: End, to: End, bytes: Uint8Array): void {
    const { trace } = this.#parts;
    const arrived = this.tamper === null ? bytes : this.tamper(from.host, to.host, bytes);
    if (arrived === null) return;
    trace.text(to.life.name);
    trace.bytes(arrived);
    this.watch?.(from.host, to.host, arrived);
    to.handler.onFrame(arrived);
  }

  #opened(end: End): void {
    if (end.state !== "opening") return;
    end.state = "open";
    end.handler.onOpen?.();
    for (const bytes of end.unsent.splice(0)) this.#send(end, { kind: "frame", bytes });
  }

  /** The other side knows nothing of this connection any more. */
  #reset(from: End, peer: End): void {
    const { loop } = this.#parts;
    loop.schedule(this.#latency(peer.host, from.host), from.life, () =>
      this.#broke(from, "connection reset"),
    );
  }

  #stall(end: End): void {
    const { loop, random, options } = this.#parts;
    const { low, high } = options.giveUpMs;
    end.stalled = true;
    loop.schedule((low + below(random, high - low + 1)) * 1_000, end.life, () => {
      if (end.stalled) this.#broke(end, "no answer");
    });
  }

  #broke(end: End, reason: string): void {
    if (end.state === "closed") return;
    this.#forget(end);
    end.handler.onClose(reason);
  }

  #resume(isMended: (end: End) => boolean): void {
    for (const end of this.#ends) {
      if (!end.stalled || !isMended(end)) continue;
      end.stalled = false;
      for (let i = 0; i < end.sent.length; i++) this.#scheduleArrival(end);
    }
  }

  /** This side is done; the other one is told after what was sent before. */
  #close(end: End, reason: string): void {
    if (end.state === "closed") return;
    end.state = "closed";
    if (end.peer === null) this.#ends.delete(end);
    else this.#send(end, { kind: "close", reason });
  }

  /** This side is done and the other one hears nothing of it. */
  #forget(end: End): void {
    end.state = "closed";
    end.stalled = false;
    this.#ends.delete(end);
    if (end.peer?.state === "closed") this.#ends.delete(end.peer);
  }

  #loseSome(end: End): void {
    const { random } = this.#parts;
    if (end.sent.length === 0 || chance(random, 1 / 2)) return;
    const kept = below(random, end.sent.length);
    for (const item of end.sent.splice(kept)) if (item.kind === "frame") end.sentBytes -= item.bytes.length;
  }

  #closePorts(life: Life): void {
    for (const [address, port] of [...this.#ports]) if (port.life === life) this.#ports.delete(address);
  }

  #isCut(from: string, to: string): boolean {
    return this.#cut.size > 0 && this.#cut.has(`${from}>${to}`);
  }

  #latency(from: string, to: string): Micros {
    const { random, options } = this.#parts;
    const { low, high } = options.latencyUs;
    const usual = low + below(random, high - low + 1);
    // One frame in thirty is late, so that connections overtake each other by more than their usual spread.
    const late = below(random, 30) === 0 ? 1 + below(random, 20) : 1;
    const slow = this.#slow.size > 0 ? (this.#slow.get(`${from}>${to}`) ?? 1) : 1;
    return Math.min(usual * late * slow, LATENCY_US_MAX);
  }
}

const silent: ConnectionHandler = { onFrame: () => undefined, onClose: () => undefined };

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
