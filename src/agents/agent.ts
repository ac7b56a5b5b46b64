// The agent: drives the supervisor over the ports. Inputs are handled in the order they come; the records that a batch
// of them changed are made durable together, and only then are the effects of the batch carried out (invariant 5).
import type { ExecutorCall } from "../contract/types.ts";
import type { ContainerId } from "../kernel/ids.ts";
import type { Timer } from "../kernel/ports.ts";
import {
  type Agent,
  type AgentOptions,
  type AgentStatus,
  type ExecutorEndpoint,
  type ExecutorStream,
  supervisorSettings,
} from "./agent-types.ts";
import { type Change, type Checkpoints, openCheckpoints } from "./checkpoints.ts";
import { type Core, createCore, loadRecords } from "./core.ts";
import type { Effect, ExecutorReply, Input } from "./effects.ts";
import { LaunchQueue } from "./launch-queue.ts";
import { TIMER_MS_MAX } from "./limits.ts";
import { MasterLink } from "./master-link.ts";
import {
  forgetAll,
  handle,
  isIdle,
  registration,
  summary,
  sweepSandboxes,
  takeOutput,
} from "./supervisor.ts";
import { volumeWork } from "./volume-work.ts";
import { resumeVolumes } from "./volumes.ts";

export type { Agent } from "./agent-types.ts";

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
  readonly #launches: LaunchQueue;
  #whenEnded: (() => void)[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#core = createCore(supervisorSettings(options), options.random, options.tracer);
    this.#launches = new LaunchQueue({
      ...options,
      isRunning: () => this.#phase === "running",
      onInput: (input) => this.#input(input),
    });
    this.#link = new MasterLink({
      ...options,
      ...(options.settings.masterBackoffMsMax === undefined
        ? {}
        : { backoffMsMax: options.settings.masterBackoffMsMax }),
      onDialed: (attempt) => this.#input({ kind: "dialed", attempt }),
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
    resumeVolumes(this.#core);
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
      case "register":
        this.#link.register(effect.attempt, registration(this.#core, this.#options.version));
        break;
      case "launch":
        this.#launches.add(effect);
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
      case "make-volume":
      case "remove-volume":
      case "attach-volumes":
        void volumeWork(this.#options, effect).then((input) => this.#input(input));
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

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
