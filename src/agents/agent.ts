// The agent: drives the supervisor over the ports. Inputs are handled in the order they come; the records that a batch
// of them changed are made durable together, and only then are the effects of the batch carried out (invariant 5).
import type { ExecutorCall, ExecutorEvent } from "../contract/types.ts";
import type { ContainerId } from "../kernel/ids.ts";
import type { Clock, Disk, Network, Random, Timer, Tracer } from "../kernel/ports.ts";
import { type Change, type Checkpoints, openCheckpoints } from "./checkpoints.ts";
import { type Core, createCore, loadRecords, type SupervisorSettings } from "./core.ts";
import type { Effect, ExecutorReply, Input } from "./effects.ts";
import {
  EXECUTOR_REGISTRATION_MS_MAX,
  EXECUTOR_REREGISTRATION_MS_MAX,
  LAUNCHES_IN_FLIGHT_MAX,
  SANDBOX_KEPT_MS,
  TIMER_MS_MAX,
} from "./limits.ts";
import { MasterLink, type MasterLinkStatus } from "./master-link.ts";
import type { Sandboxes } from "./ports.ts";
import type { Runtime } from "./runtime.ts";
import { RuntimeFailure } from "./runtime.ts";
import {
  forgetAll,
  handle,
  isIdle,
  registration,
  type SupervisorSummary,
  summary,
  sweepSandboxes,
  takeOutput,
} from "./supervisor.ts";

export interface AgentOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Dials masters. */
  readonly network: Pick<Network, "dial">;
  /** For checkpoints. */
  readonly disk: Disk;
  readonly runtime: Runtime;
  readonly sandboxes: Sandboxes;
  readonly tracer: Tracer;
  /** `host:port` of every master. Not empty. */
  readonly masters: readonly string[];
  /** Tepui's version, told to the master. */
  readonly version: string;
  readonly settings: AgentSettings;
  /**
   * The agent has ended by itself: told to by the master or by `shutdown` (then `failed` is false), or because a
   * checkpoint could not be written (then the process must end at once, without calling anything here).
   */
  readonly onEnd: (end: { readonly reason: string; readonly failed: boolean }) => void;
}

export interface AgentSettings extends Pick<SupervisorSettings, "info" | "ip" | "port" | "sandboxMount"> {
  readonly sandboxKeptMs?: number;
  readonly executorRegistrationMsMax?: number;
  readonly executorReregistrationMsMax?: number;
  readonly masterBackoffMsMax?: number;
}

export interface Agent {
  /** Reads the checkpoints, finds its containers again, then connects. Rejects if runtime or checkpoints cannot be used. */
  start(): Promise<void>;
  /** Tasks and executors go on. */
  stop(): Promise<void>;
  /** Kills every task, unregisters and ends (MN09). */
  shutdown(): Promise<void>;
  status(): AgentStatus;
  readonly executors: ExecutorEndpoint;
}

export interface AgentStatus extends SupervisorSummary {
  readonly link: MasterLinkStatus;
  readonly recovering: boolean;
}

/** What the HTTP side passes executors' calls to. */
export interface ExecutorEndpoint {
  /** @param stream for SUBSCRIBE; events go to it from then on, the first before this resolves. Else null. */
  call(call: ExecutorCall, stream: ExecutorStream | null): Promise<ExecutorReply>;
  /** The executor has closed its stream. */
  disconnected(streamId: string): void;
}

export interface ExecutorStream {
  /** Unique in this process. */
  readonly id: string;
  send(event: ExecutorEvent): void;
  /** From the agent's side; `disconnected` is not called then. */
  close(): void;
}

type Phase = "new" | "recovering" | "running" | "stopped";

export function createAgent(options: AgentOptions): Agent {
  return new AgentDriver(options);
}

class AgentDriver implements Agent {
  readonly executors: ExecutorEndpoint;
  readonly #options: AgentOptions;
  readonly #core: Core;
  readonly #link: MasterLink;
  #checkpoints: Checkpoints | null = null;
  #phase: Phase = "new";
  #inputs: Input[] = [];
  #pumping: Promise<void> | null = null;
  #timer: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #nextRequest = 0;
  readonly #replies = new Map<number, (reply: ExecutorReply) => void>();
  readonly #streams = new Map<string, ExecutorStream>();
  readonly #launches: Extract<Effect, { do: "launch" }>[] = [];
  #launching = 0;
  #whenEnded: (() => void)[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#core = createCore(supervisorSettings(options), options.random, options.tracer);
    this.#link = new MasterLink({
      ...options,
      ...(options.settings.masterBackoffMsMax === undefined
        ? {}
        : { backoffMsMax: options.settings.masterBackoffMsMax }),
      registration: () => registration(this.#core, options.version),
      onFrame: (frame) => this.#input({ kind: "frame", frame }),
    });
    this.executors = {
      call: (call, stream) => this.#executorCall(call, stream),
      disconnected: (streamId) => this.#executorGone(streamId),
    };
  }

  async start(): Promise<void> {
    this.#phase = "recovering";
    this.#checkpoints = await openCheckpoints(this.#options.disk);
    loadRecords(this.#core, this.#checkpoints.recovered);
    await this.#options.runtime.start((exit) => this.#input({ kind: "exited", exit }));
    const found = await this.#recoverContainers();
    this.#phase = "running";
    this.#core.now = this.#moment();
    sweepSandboxes(this.#core);
    this.#inputs.unshift(...found);
    await this.#pump();
    this.#link.start();
  }

  async stop(): Promise<void> {
    this.#halt();
    await this.#pumping;
    for (const stream of this.#streams.values()) stream.close();
    await this.#options.runtime.stop();
    await this.#checkpoints?.close();
  }

  async shutdown(): Promise<void> {
    if (this.#phase === "stopped") return;
    const ended = new Promise<void>((resolve) => this.#whenEnded.push(resolve));
    this.#input({ kind: "leave", reason: "shutdown" });
    await ended;
  }

  status(): AgentStatus {
    return { ...summary(this.#core), link: this.#link.status(), recovering: this.#phase !== "running" };
  }

  /** Every container that is in the records, as the runtime has it; those that nobody knows are killed (SB08). */
  async #recoverContainers(): Promise<readonly Input[]> {
    const inputs: Input[] = [];
    for (const [id, container] of this.#core.containers) {
      const found = container.phase === "ended" ? "gone" : await this.#options.runtime.recover(id);
      inputs.push({ kind: "recovered", id, pid: found === "gone" ? null : found.pid });
    }
    for (const id of await this.#options.runtime.list()) {
      if (!this.#core.containers.has(id)) await this.#killOrphan(id);
    }
    return inputs;
  }

  async #killOrphan(id: ContainerId): Promise<void> {
    const { runtime, tracer } = this.#options;
    tracer.warn("orphan container killed", { id });
    const found = await runtime.recover(id);
    if (found === "gone") await runtime.remove(id);
    else await runtime.signal(id, "SIGKILL");
  }

  #input(input: Input): void {
    if (this.#phase === "stopped") return;
    this.#inputs.push(input);
    if (this.#phase === "running") void this.#pump();
  }

  #pump(): Promise<void> {
    this.#pumping ??= this.#work().finally(() => {
      this.#pumping = null;
      // What came between the last look at the queue and this moment.
      if (this.#inputs.length > 0 && this.#phase === "running") void this.#pump();
    });
    return this.#pumping;
  }

  async #work(): Promise<void> {
    try {
      await this.#drain();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #drain(): Promise<void> {
    do {
      const { changes, effects } = this.#step();
      await this.#save(changes);
      for (const effect of effects) this.#perform(effect);
      await this.#endIfDone();
    } while (this.#inputs.length > 0 && this.#phase === "running");
    this.#arm();
  }

  #step(): ReturnType<typeof takeOutput> {
    const inputs = this.#inputs;
    this.#inputs = [];
    for (const input of inputs) handle(this.#core, input, this.#moment());
    return takeOutput(this.#core);
  }

  async #save(changes: readonly Change[]): Promise<void> {
    if (changes.length > 0) await this.#checkpoints?.commit(changes);
  }

  /** After a failed write it is unknown what the disk holds: nothing more may be done (invariant 1). */
  #fail(error: unknown): void {
    this.#halt();
    this.#options.tracer.error("checkpoint failed", { error: textOf(error) });
    this.#options.onEnd({ reason: `checkpoint failed: ${textOf(error)}`, failed: true });
  }

  #halt(): void {
    this.#phase = "stopped";
    this.#timer?.cancel();
    this.#link.stop();
    for (const reply of this.#replies.values()) reply({ status: 503, text: "Agent is stopping" });
    this.#replies.clear();
  }

  async #endIfDone(): Promise<void> {
    const leaving = this.#core.leaving;
    if (leaving === null || this.#phase !== "running" || !isIdle(this.#core)) return;
    forgetAll(this.#core);
    await this.#save(takeOutput(this.#core).changes);
    if (!leaving.byMaster) await this.#link.farewell();
    this.#halt();
    for (const resolve of this.#whenEnded) resolve();
    this.#options.onEnd({ reason: leaving.reason, failed: false });
  }

  #arm(): void {
    const atMs = this.#core.deadlines.next() ?? Number.POSITIVE_INFINITY;
    if (this.#phase !== "running" || atMs === this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    if (!Number.isFinite(atMs)) return;
    const delayMs = Math.min(Math.max(0, atMs - this.#options.clock.monotonicMs()), TIMER_MS_MAX);
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#input({ kind: "tick" });
    });
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case "send":
        this.#link.send(effect.frame);
        break;
      case "launch":
        this.#launches.push(effect);
        this.#launchNext();
        break;
      case "reply":
        this.#reply(effect.requestId, effect.reply);
        break;
      case "executor-event":
        this.#streams.get(effect.streamId)?.send(effect.event);
        break;
      case "executor-close":
        this.#closeStream(effect.streamId);
        break;
      default:
        this.#inBackground(effect);
    }
  }

  /** What may fail without harm: it is done again at the latest when the agent starts the next time. */
  #inBackground(effect: Extract<Effect, { do: "signal" | "remove-container" | "remove-sandbox" }>): void {
    const { runtime, sandboxes, tracer } = this.#options;
    const work = {
      signal: async () => effect.do === "signal" && (await runtime.signal(effect.id, effect.signal)),
      "remove-container": async () => effect.do === "remove-container" && (await runtime.remove(effect.id)),
      "remove-sandbox": async () => effect.do === "remove-sandbox" && (await sandboxes.remove(effect.path)),
    }[effect.do];
    work().catch((error: unknown) =>
      tracer.warn("effect failed", { effect: effect.do, error: textOf(error) }),
    );
  }

  #launchNext(): void {
    while (this.#launching < LAUNCHES_IN_FLIGHT_MAX) {
      const effect = this.#launches.shift();
      if (effect === undefined) return;
      this.#launching++;
      void this.#launch(effect).then((input) => {
        this.#launching--;
        this.#input(input);
        this.#launchNext();
      });
    }
  }

  async #launch(effect: Extract<Effect, { do: "launch" }>): Promise<Input> {
    const { spec, sandbox, containerId: id } = effect.container;
    if (effect.container.ending !== null || this.#phase === "stopped")
      return { kind: "launch-cancelled", id };
    try {
      await this.#options.sandboxes.create(sandbox, effect.user);
      const { pid } = await this.#options.runtime.launch(spec);
      return { kind: "started", id, pid };
    } catch (error) {
      const code = error instanceof RuntimeFailure ? error.code : "launch-failed";
      return { kind: "launch-failed", id, code, message: textOf(error) };
    }
  }

  #executorCall(call: ExecutorCall, stream: ExecutorStream | null): Promise<ExecutorReply> {
    if (this.#phase !== "running") {
      return Promise.resolve({ status: 503, text: "Agent has not finished recovery" });
    }
    const requestId = this.#nextRequest++;
    if (stream !== null) this.#streams.set(stream.id, stream);
    return new Promise((resolve) => {
      this.#replies.set(requestId, (reply) => {
        if (reply.status !== 200 && stream !== null) this.#streams.delete(stream.id);
        resolve(reply);
      });
      this.#input({ kind: "executor-call", requestId, call, streamId: stream?.id ?? null });
    });
  }

  #reply(requestId: number, reply: ExecutorReply): void {
    this.#replies.get(requestId)?.(reply);
    this.#replies.delete(requestId);
  }

  #executorGone(streamId: string): void {
    if (!this.#streams.delete(streamId)) return;
    this.#input({ kind: "executor-disconnected", streamId });
  }

  #closeStream(streamId: string): void {
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    stream?.close();
  }

  #moment(): { readonly wallMs: number; readonly monotonicMs: number } {
    const { clock } = this.#options;
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  }
}

function supervisorSettings(options: AgentOptions): SupervisorSettings {
  const { settings } = options;
  return {
    runtime: options.runtime.name,
    info: settings.info,
    ip: settings.ip,
    port: settings.port,
    sandboxMount: settings.sandboxMount,
    sandboxKeptMs: settings.sandboxKeptMs ?? SANDBOX_KEPT_MS,
    executorRegistrationMsMax: settings.executorRegistrationMsMax ?? EXECUTOR_REGISTRATION_MS_MAX,
    executorReregistrationMsMax: settings.executorReregistrationMsMax ?? EXECUTOR_REREGISTRATION_MS_MAX,
    absoluteSandbox: (path) => options.sandboxes.absolute(path),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
