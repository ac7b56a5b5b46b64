// The agent's connection to the leading master: finds it among the configured ones, registers, notices its silence,
// and tries again soon when it is gone (MN10, HA07). One connection counts at a time; what an older one says is ignored.
import type { FromAgent, RegisterAgent, StatusReport } from "../contract/agent-protocol.ts";
import { STATUSES_FRAME_BYTES_MAX } from "../contract/agent-protocol.ts";
import type { Clock, Connection, Network, Random, Timer, Tracer } from "../kernel/ports.ts";
import { below } from "../kernel/random.ts";
import type { Result } from "../kernel/result.ts";
import type { MasterFrame } from "./effects.ts";
import { type FromMaster, packFrame, unpackToAgent } from "./frames.ts";
import {
  CONNECT_BACKOFF_MS_MAX,
  CONNECT_BACKOFF_MS_MIN,
  CONNECTION_BUFFERED_BYTES_MAX,
  FAREWELL_MS_MAX,
  REDIRECTS_AT_ONCE_MAX,
  REGISTRATION_MS_MAX,
} from "./limits.ts";

export interface MasterLinkOptions {
  /** `host:port` of every master, tried in turn. Not empty. */
  readonly masters: readonly string[];
  /** Dials masters. */
  readonly network: Pick<Network, "dial">;
  readonly clock: Clock;
  readonly random: Random;
  readonly tracer: Tracer;
  readonly backoffMsMax?: number;
  /** At every connection: `register` is to be called with this attempt, after all that older ones brought is done. */
  readonly onDialed: (attempt: number) => void;
  readonly onFrame: (frame: MasterFrame) => void;
}

export interface MasterLinkStatus {
  /** Of the connection that stands or is tried; null while waiting. */
  readonly master: string | null;
  readonly registered: boolean;
}

export class MasterLink {
  readonly #options: MasterLinkOptions;
  #connection: Connection | null = null;
  /** Grows with every connection made or given up: what belongs to an older one is ignored. */
  #attempt = 0;
  #address: string | null = null;
  #registered = false;
  #stopped = true;
  #nextMaster = 0;
  #redirects = 0;
  /** Since the last registration. */
  #failures = 0;
  /** Updates that the master takes in one frame. */
  #statusesMax = 1;
  /** Updates of this turn, which leave together. */
  #statuses: StatusReport[] = [];
  #silenceMsMax = REGISTRATION_MS_MAX;
  #lastFrameMs = 0;
  #watch: Timer | null = null;
  #retry: Timer | null = null;
  #onDropped: () => void = () => undefined;

  constructor(options: MasterLinkOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.#dialNext();
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#drop();
  }

  status(): MasterLinkStatus {
    return { master: this.#address, registered: this.#registered };
  }

  /** The first frame of the connection; dropped if that has been given up. */
  register(attempt: number, frame: RegisterAgent): void {
    if (attempt === this.#attempt) this.#write(frame);
  }

  /** Dropped unless registered: what matters is said again after the next registration. */
  send(frame: FromAgent): void {
    if (!this.#registered) return;
    if (frame.kind === "status" && this.#statusesMax > 1) this.#gather(frame);
    else {
      this.#writeStatuses();
      this.#write(frame);
    }
  }

  /** Unregisters for good; resolves when the master has closed the connection, or soon. Then `stop` is to be called. */
  farewell(): Promise<void> {
    this.#stopped = true;
    if (!this.#registered) return Promise.resolve();
    this.#writeStatuses();
    this.#write({ kind: "unregister" });
    return new Promise((resolve) => {
      this.#onDropped = resolve;
      this.#options.clock.after(FAREWELL_MS_MAX, resolve);
    });
  }

  #dialNext(): void {
    const { masters } = this.#options;
    const address = masters[this.#nextMaster % masters.length] as string;
    this.#nextMaster = (this.#nextMaster + 1) % masters.length;
    this.#dial(address);
  }

  #dial(address: string): void {
    this.#options.tracer.debug("dialing master", { address });
    this.#address = address;
    this.#silenceMsMax = REGISTRATION_MS_MAX;
    this.#lastFrameMs = this.#options.clock.monotonicMs();
    const attempt = ++this.#attempt;
    const connection = this.#options.network.dial(address, {
      onFrame: (bytes) => {
        if (attempt === this.#attempt) this.#take(bytes);
      },
      onClose: (reason) => {
        if (attempt === this.#attempt) this.#lost(reason);
      },
    });
    // Closed before `dial` returned.
    if (attempt !== this.#attempt) return;
    this.#connection = connection;
    this.#options.onDialed(attempt);
    this.#watchSilence();
  }

  #gather({ kind: _kind, ...report }: { readonly kind: "status" } & StatusReport): void {
    if (this.#statuses.length === 0) void Promise.resolve().then(() => this.#writeStatuses());
    this.#statuses.push(report);
    if (this.#statuses.length >= this.#statusesMax) this.#writeStatuses();
  }

  /** One is a frame of its own, and so is each if together they are too large. */
  #writeStatuses(): void {
    const statuses = this.#statuses;
    if (statuses.length === 0) return;
    this.#statuses = [];
    const packed = packFrame({ kind: "statuses", statuses });
    if (statuses.length > 1 && packed.ok && packed.value.length <= STATUSES_FRAME_BYTES_MAX) {
      this.#writePacked(packed);
    } else for (const status of statuses) this.#write({ kind: "status", ...status });
  }

  #write(frame: FromAgent): void {
    this.#writePacked(packFrame(frame));
  }

  #writePacked(packed: Result<Uint8Array, string>): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (!packed.ok) {
      this.#options.tracer.error("frame not sent", { reason: packed.error });
      return;
    }
    if (connection.bufferedBytes() > CONNECTION_BUFFERED_BYTES_MAX) {
      this.#lost("the master does not read");
      return;
    }
    connection.send(packed.value);
  }

  #take(bytes: Uint8Array): void {
    this.#lastFrameMs = this.#options.clock.monotonicMs();
    const frame = unpackToAgent(bytes);
    if (frame.ok) this.#obey(frame.value);
    else this.#lost(frame.error);
  }

  #obey(frame: FromMaster): void {
    if (frame.kind === "ping") {
      this.#write({ kind: "pong" });
      return;
    }
    if (frame.kind === "redirect") {
      this.#follow(frame.leader, frame.reason);
      return;
    }
    if (frame.kind === "registered") this.#onRegistered(frame.silenceMsMax, frame.statusesMax ?? 1);
    this.#options.onFrame(frame);
  }

  #onRegistered(silenceMsMax: number, statusesMax: number): void {
    this.#registered = true;
    this.#statusesMax = statusesMax;
    this.#redirects = 0;
    this.#failures = 0;
    this.#silenceMsMax = silenceMsMax;
    this.#options.tracer.info("registered", { master: this.#address });
    this.#watchSilence();
  }

  /** At once, but not in circles: masters that are between two leaders may point at each other. */
  #follow(leader: string | null, reason = "no leader"): void {
    this.#redirects++;
    if (leader === null || this.#redirects > REDIRECTS_AT_ONCE_MAX) {
      this.#lost(reason);
      return;
    }
    this.#drop();
    this.#dial(leader);
  }

  #watchSilence(): void {
    this.#watch?.cancel();
    if (this.#connection === null) return;
    const { clock } = this.#options;
    const left = this.#lastFrameMs + this.#silenceMsMax - clock.monotonicMs();
    if (left <= 0) this.#lost("silence");
    else this.#watch = clock.after(left, () => this.#watchSilence());
  }

  #lost(reason: string): void {
    const master = this.#address;
    this.#drop();
    if (this.#stopped) return;
    this.#redirects = 0;
    const waitMs = this.#nextWaitMs();
    this.#options.tracer.info("master lost", { master, reason, waitMs });
    this.#retry?.cancel();
    this.#retry = this.#options.clock.after(waitMs, () => this.#dialNext());
  }

  /** Doubles with every round through the masters, not with every master: after a failover all are asked soon. */
  #nextWaitMs(): number {
    const round = Math.floor(this.#failures++ / this.#options.masters.length);
    const msMax = this.#options.backoffMsMax ?? CONNECT_BACKOFF_MS_MAX;
    const backoffMs = Math.min(CONNECT_BACKOFF_MS_MIN * 2 ** Math.min(round, 30), msMax);
    return backoffMs + below(this.#options.random, backoffMs);
  }

  #drop(): void {
    const connection = this.#connection;
    this.#attempt++;
    this.#connection = null;
    this.#address = null;
    this.#registered = false;
    this.#statuses = [];
    this.#watch?.cancel();
    connection?.close();
    this.#onDropped();
  }
}
