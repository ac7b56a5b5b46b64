// What an agent is to the rooms around it: how it is made, what it can be told, what it says of itself.
import type { ExecutorCall, ExecutorEvent } from "../contract/types.ts";
import type { Clock, Disk, Network, Random, Tracer } from "../kernel/ports.ts";
import type { SupervisorSettings } from "./core.ts";
import type { ExecutorReply } from "./effects.ts";
import { EXECUTOR_REGISTRATION_MS_MAX, EXECUTOR_REREGISTRATION_MS_MAX, SANDBOX_KEPT_MS } from "./limits.ts";
import type { MasterLinkStatus } from "./master-link.ts";
import type { Sandboxes, Volumes } from "./ports.ts";
import type { Runtime } from "./runtime.ts";
import type { SupervisorSummary } from "./supervisor.ts";

export interface AgentOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Dials masters. */
  readonly network: Pick<Network, "dial">;
  /** For checkpoints. */
  readonly disk: Disk;
  readonly runtime: Runtime;
  readonly sandboxes: Sandboxes;
  readonly volumes: Volumes;
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

/** The supervisor's settings, with defaults where the host gives none. */
export function supervisorSettings(options: AgentOptions): SupervisorSettings {
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
    absoluteVolume: (path) => options.volumes.absolute(path),
  };
}
