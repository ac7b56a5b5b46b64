// Containers as plain processes: a session per task, cgroups where permitted, a shim that outlives the agent. There
// is no isolation of files or of process ids; for that there is containerd.
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { ContainerId } from "../../../kernel/ids.ts";
import type { Clock, Tracer } from "../../../kernel/ports.ts";
import {
  type ContainerExit,
  type ContainerSpec,
  type ContainerStarted,
  type Runtime,
  RuntimeFailure,
  type VolumeMount,
} from "../../runtime.ts";
import type { Hierarchy } from "../cgroup-mounts.ts";
import { createCgroups, outOfMemoryKills, prepareParent, removeEmptyParents } from "../cgroups.ts";
import { checkSpec } from "../check-spec.ts";
import { SETTLE_POLL_MS, SETTLE_ROUNDS, SHIM_RECOVERY_GRACE_MS } from "../limits.ts";
import { pause } from "../pause.ts";
import { isAlive, readBootId } from "../proc.ts";
import { findProgram } from "../programs.ts";
import { linkVolumes, prepareVolumes } from "../volumes.ts";
import { WAIT_STATUS_KILLED, waitStatusOfCode } from "../wait-status.ts";
import { type Bookkeeping, type LaunchRecord, openBookkeeping, type StartedRecord } from "./bookkeeping.ts";
import { killTask, signalTask, type TaskProcesses } from "./end-processes.ts";
import { type ExitWatch, watchExit } from "./exit-watch.ts";
import { startShim } from "./shim-process.ts";
import { shimScript } from "./shim-script.ts";
import { removeTaskCgroups, usableHierarchies } from "./task-cgroups.ts";
import { findIdentity, findTools, type Identity, type Tools } from "./tools.ts";

export interface ProcessRuntimeOptions {
  /** Absolute path for bookkeeping; must survive restarts of the agent and belong to this agent alone. */
  readonly directory: string;
  readonly tracer: Tracer;
  readonly clock: Clock;
}

/** Nothing is touched before `start`. */
export function createProcessRuntime(options: ProcessRuntimeOptions): Runtime {
  return new ProcessRuntime(options);
}

interface Task {
  readonly launch: LaunchRecord;
  readonly started: StartedRecord;
}

interface Machine {
  readonly tools: Tools;
  readonly books: Bookkeeping;
  readonly bootId: string;
  readonly hierarchies: readonly Hierarchy[];
  readonly handler: (exit: ContainerExit) => void;
}

class ProcessRuntime implements Runtime {
  readonly name = "process";
  readonly #directory: string;
  readonly #tracer: Tracer;
  readonly #clock: Clock;
  /** Below the cgroup roots: one folder per agent of the machine. */
  readonly #cgroupParent: string;
  readonly #watches = new Map<ContainerId, ExitWatch>();
  #machine: Machine | undefined;

  constructor(options: ProcessRuntimeOptions) {
    this.#directory = resolve(options.directory);
    this.#tracer = options.tracer;
    this.#clock = options.clock;
    const key = createHash("sha256").update(this.#directory).digest("hex").slice(0, 12);
    this.#cgroupParent = `tepui/${key}`;
  }

  async start(handler: (exit: ContainerExit) => void): Promise<void> {
    if (process.platform !== "linux") {
      throw new RuntimeFailure("unavailable", `the process runtime needs Linux, this is ${process.platform}`);
    }
    const tools = await findTools();
    const books = await openBookkeeping(this.#directory);
    const bootId = await readBootId();
    this.#machine = {
      tools,
      books,
      bootId,
      handler,
      hierarchies: await usableHierarchies(this.#cgroupParent, this.#tracer),
    };
  }

  async launch(spec: ContainerSpec): Promise<ContainerStarted> {
    const machine = this.#started();
    checkSpec(spec);
    if (spec.image !== undefined) {
      throw new RuntimeFailure(
        "launch-failed",
        "a task with an image needs an agent with --runtime containerd",
      );
    }
    const identity = await findIdentity(spec.user, machine.tools);
    const program = await findCommand(spec, identity);
    const cgroups = await this.#createCgroups(spec, machine);
    const launch: LaunchRecord = { version: 1, bootId: machine.bootId, cgroups };
    const script = this.#script(spec, machine, cgroups, program, identity);
    if (!(await machine.books.create(spec.id, launch, script))) {
      throw new RuntimeFailure("launch-failed", `there is a container ${spec.id} already`);
    }
    try {
      await this.#showVolumes(spec, identity);
      return await this.#run(spec, machine, launch, identity);
    } catch (error) {
      await this.remove(spec.id);
      throw error;
    }
  }

  async attach(spec: ContainerSpec, volumes: readonly VolumeMount[]): Promise<void> {
    const identity = await findIdentity(spec.user, this.#started().tools);
    await this.#showVolumes({ ...spec, volumes }, identity);
  }

  /** As links, which cannot keep anybody from writing. */
  async #showVolumes({ id, sandbox, volumes }: ContainerSpec, identity: Identity | undefined): Promise<void> {
    await prepareVolumes(volumes, identity?.account);
    await linkVolumes(sandbox, volumes, identity?.account);
    if (volumes?.some(({ readOnly }) => readOnly) === true) {
      this.#tracer.warn("runtime.read-only-volume-may-be-written", { id });
    }
  }

  async recover(id: ContainerId): Promise<ContainerStarted | "gone"> {
    const machine = this.#started();
    const task = await this.#findTask(id, machine);
    if (task === undefined) {
      await this.remove(id);
      return "gone";
    }
    if (!this.#watches.has(id)) this.#watch(id, task, machine);
    return { id, pid: task.started.command.pid };
  }

  async signal(id: ContainerId, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const machine = this.#started();
    const task = await readTask(id, machine);
    if (task === undefined || (await this.#end(id, task, machine)) !== undefined) return;
    if (signal === "SIGTERM") await signalTask(processesOf(task), signal);
    else await this.#kill(id, processesOf(task));
  }

  async remove(id: ContainerId): Promise<void> {
    const machine = this.#started();
    this.#watches.get(id)?.stop();
    this.#watches.delete(id);
    const launch = await machine.books.readLaunch(id);
    const started = await machine.books.readStarted(id);
    if (launch !== undefined && launch.bootId === machine.bootId) {
      if (started !== undefined) await this.#settle(id, { launch, started });
      await removeTaskCgroups(launch.cgroups, this.#clock, this.#tracer);
    }
    await machine.books.remove(id);
  }

  async list(): Promise<readonly ContainerId[]> {
    return await this.#started().books.list();
  }

  async stop(): Promise<void> {
    const machine = this.#machine;
    this.#machine = undefined;
    for (const watch of this.#watches.values()) watch.stop();
    this.#watches.clear();
    if (machine !== undefined) await removeEmptyParents(this.#cgroupParent);
  }

  #started(): Machine {
    if (this.#machine === undefined)
      throw new RuntimeFailure("unavailable", "the process runtime is not started");
    return this.#machine;
  }

  async #createCgroups(spec: ContainerSpec, machine: Machine): Promise<readonly string[]> {
    const path = `${this.#cgroupParent}/${spec.id}`;
    try {
      for (const hierarchy of machine.hierarchies) await prepareParent(hierarchy, this.#cgroupParent);
      return await createCgroups(machine.hierarchies, path, spec.limits);
    } catch (error) {
      throw new RuntimeFailure("launch-failed", `cannot set limits: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  #script(
    spec: ContainerSpec,
    machine: Machine,
    cgroups: readonly string[],
    program: string,
    identity: Identity | undefined,
  ): string {
    return shimScript({
      folder: machine.books.folderOf(spec.id),
      cgroups,
      setsid: machine.tools.setsid,
      env: machine.tools.env,
      ...(identity === undefined ? {} : { become: identity }),
      environment: spec.environment,
      argv: [program, ...spec.argv.slice(1)],
    });
  }

  async #run(
    spec: ContainerSpec,
    machine: Machine,
    launch: LaunchRecord,
    identity: Identity | undefined,
  ): Promise<ContainerStarted> {
    const script = `${machine.books.folderOf(spec.id)}/run.sh`;
    const shim = await startShim({ script, sandbox: spec.sandbox, owner: identity?.account }, this.#clock);
    const started = await machine.books.readStarted(spec.id);
    if (started === undefined) throw new RuntimeFailure("launch-failed", "the task's shim left no trace");
    this.#watch(spec.id, { launch, started }, machine, shim);
    return { id: spec.id, pid: started.command.pid };
  }

  #watch(id: ContainerId, task: Task, machine: Machine, shim?: ChildProcess): void {
    const look = async (): Promise<boolean> => {
      const status = await this.#end(id, task, machine);
      if (status === undefined) return false;
      await this.#report(id, task, machine, status);
      return true;
    };
    const onError = (error: unknown) => this.#tracer.error("runtime.watch-failed", { id, error });
    const folder = machine.books.folderOf(id);
    // The caller is to know of the start before the handler hears of the end.
    this.#clock.after(0, () => {
      if (this.#machine !== machine || this.#watches.get(id) !== placeholder) return;
      const watch = watchExit(folder, look, onError, this.#clock);
      this.#watches.set(id, watch);
      shim?.once("exit", () => watch.look());
    });
    const placeholder: ExitWatch = { look: () => undefined, stop: () => undefined };
    this.#watches.set(id, placeholder);
  }

  async #report(id: ContainerId, task: Task, machine: Machine, waitStatus: number): Promise<void> {
    await this.#kill(id, processesOf(task));
    const outOfMemory = (await outOfMemoryKills(task.launch.cgroups)) > 0;
    if (this.#machine === machine && this.#watches.has(id)) machine.handler({ id, waitStatus, outOfMemory });
  }

  /** Raw status of a task that has ended, undefined while it runs. */
  async #end(id: ContainerId, task: Task, machine: Machine): Promise<number | undefined> {
    const shimRuns = task.launch.bootId === machine.bootId && (await isAlive(task.started.shim));
    const code = await machine.books.readExit(id);
    if (code !== undefined) return waitStatusOfCode(code);
    if (shimRuns) return undefined;
    if (task.launch.bootId === machine.bootId && (await isAlive(task.started.command))) return undefined;
    this.#tracer.warn("runtime.exit-unseen", { id, rebooted: task.launch.bootId !== machine.bootId });
    return WAIT_STATUS_KILLED;
  }

  async #kill(id: ContainerId, processes: TaskProcesses): Promise<void> {
    if (!(await killTask(processes, this.#clock))) this.#tracer.error("runtime.kill-failed", { id });
  }

  /** Ends what still runs of a task and waits for its shim, which would write into the folder otherwise. */
  async #settle(id: ContainerId, task: Task): Promise<void> {
    await this.#kill(id, processesOf(task));
    for (let round = 0; round < SETTLE_ROUNDS && (await isAlive(task.started.shim)); round++) {
      await pause(this.#clock, SETTLE_POLL_MS);
    }
  }

  /** An agent may have died right after it spawned a shim: give that a moment to say what it started. */
  async #findTask(id: ContainerId, machine: Machine): Promise<Task | undefined> {
    for (let waited = 0; ; waited += SETTLE_POLL_MS) {
      const task = await readTask(id, machine);
      if (task !== undefined) return task;
      const launch = await machine.books.readLaunch(id);
      const hopeless = launch === undefined || launch.bootId !== machine.bootId;
      if (hopeless || waited >= SHIM_RECOVERY_GRACE_MS) return undefined;
      await pause(this.#clock, SETTLE_POLL_MS);
    }
  }
}

async function findCommand(spec: ContainerSpec, identity: Identity | undefined): Promise<string> {
  const [name = ""] = spec.argv;
  const path = spec.environment.PATH;
  const program = await findProgram(name, path, spec.sandbox, identity?.account);
  if (program !== undefined) return program;
  const where = name.includes("/") ? "" : ` in PATH (${path ?? "default"})`;
  const who = spec.user === undefined ? "" : ` that ${spec.user} may execute`;
  throw new RuntimeFailure("command-not-found", `no program "${name}"${where}${who}`);
}

async function readTask(id: ContainerId, machine: Machine): Promise<Task | undefined> {
  const launch = await machine.books.readLaunch(id);
  const started = await machine.books.readStarted(id);
  return launch === undefined || started === undefined ? undefined : { launch, started };
}

function processesOf(task: Task): TaskProcesses {
  return { command: task.started.command, cgroups: task.launch.cgroups };
}
