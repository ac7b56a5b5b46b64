// What starts containers and watches them: the one interface behind which containerd and plain processes stand.
// A runtime keeps what it needs in its own place so that containers outlive the agent process; which task a container
// belongs to, and what its end means, is the supervisor's business.
import type { ContainerId } from "../kernel/ids.ts";

export type RuntimeName = "containerd" | "process";

export interface Runtime {
  readonly name: RuntimeName;
  /** Checks that the runtime can be used here and connects to it. Rejects with a RuntimeFailure that says what to do. */
  start(handler: (exit: ContainerExit) => void): Promise<void>;
  /**
   * Starts a container; resolves when its command runs. Rejects with a RuntimeFailure (missing image, unknown user, no
   * such program); then nothing of it is left. A container that exits at once resolves first and reports its exit after.
   */
  launch(spec: ContainerSpec): Promise<ContainerStarted>;
  /**
   * Takes over a container that an earlier agent process started: from now on its exit is reported to the handler,
   * also if it ended meanwhile (with its real exit code). Resolves to "gone" if the runtime has no trace of it.
   */
  recover(id: ContainerId): Promise<ContainerStarted | "gone">;
  /**
   * Shows volumes in a container that runs; again where they are seen already. Rejects with a RuntimeFailure that says
   * why not. Missing in a runtime that cannot do so.
   */
  attach?(spec: ContainerSpec, volumes: readonly VolumeMount[]): Promise<void>;
  /** Sends the signal to every process of the container. No error if it has ended. */
  signal(id: ContainerId, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Removes what is left of an ended container (snapshot, cgroup, bookkeeping; not its sandbox). Idempotent. */
  remove(id: ContainerId): Promise<void>;
  /** Every container this agent's runtime knows, to find orphans. */
  list(): Promise<readonly ContainerId[]>;
  /** Lets go of connections and watchers; containers go on. */
  stop(): Promise<void>;
}

export interface ContainerSpec {
  readonly id: ContainerId;
  /** The program and its arguments; argv[0] is looked up in PATH. The supervisor turns shell commands into `/bin/sh -c`. */
  readonly argv: readonly string[];
  /** The whole environment of the command. */
  readonly environment: Readonly<Record<string, string>>;
  /** User name to run as; the agent's own user when absent. */
  readonly user?: string;
  /** Absolute host path of the sandbox: working directory, and where the files `stdout` and `stderr` are appended to. */
  readonly sandbox: string;
  /** Where the sandbox appears inside a container with an image (SB03). */
  readonly sandboxMount: string;
  /** An image reference known to containerd, or the host path of an OCI archive (`/…/image.tar`). */
  readonly image?: string;
  /** Persistent volumes that it is to see; none if left out. */
  readonly volumes?: readonly VolumeMount[];
  readonly limits: ContainerLimits;
}

export interface VolumeMount {
  /** Absolute host path of a directory. */
  readonly source: string;
  /** It is the mount point of a disk of its own. */
  readonly mounted: boolean;
  /**
   * Below the sandbox, or absolute in the root of an image. Has no empty, `.` or `..` parts. A process runtime puts a
   * link there.
   */
  readonly target: string;
  /** A runtime that only links cannot hold a task to it. */
  readonly readOnly: boolean;
  /** It is given to the user of the container, unless that is root. */
  readonly owned: boolean;
}

export interface ContainerLimits {
  /** Thousandths of a CPU, as share; and as hard limit when `cpuHard`. 0 = none. */
  readonly cpuMillis: number;
  readonly cpuHard: boolean;
  /** Bytes; 0 = no limit. */
  readonly memoryBytes: number;
}

export interface ContainerStarted {
  readonly id: ContainerId;
  /** Process id on the host of the container's first process. */
  readonly pid: number;
}

export interface ContainerExit {
  readonly id: ContainerId;
  /** Raw status as of wait(2): exit code × 256, or the number of the signal that ended it. */
  readonly waitStatus: number;
  /** The kernel killed a process of it for exceeding the memory limit. */
  readonly outOfMemory: boolean;
}

export type RuntimeFailureCode =
  | "unavailable"
  | "image-not-found"
  | "unknown-user"
  | "command-not-found"
  | "volume-unavailable"
  | "launch-failed";

/** The expected failures of a runtime; anything else that it throws is a bug. */
export class RuntimeFailure extends Error {
  readonly code: RuntimeFailureCode;

  constructor(code: RuntimeFailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "RuntimeFailure";
    this.code = code;
  }
}

/** Of a runtime without `attach`. */
export const CANNOT_ATTACH = "this runtime cannot show further volumes in a container that runs";
