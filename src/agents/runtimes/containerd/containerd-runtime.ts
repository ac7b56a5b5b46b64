// Containers in containerd, spoken to by its gRPC API. containerd and its shims keep them going while the agent is
// away; an exit is noted on disk before the task is deleted, so it can be reported again after a restart.
import { resolve } from "node:path";
import { asId, type ContainerId } from "../../../kernel/ids.ts";
import type { Clock, Timer, Tracer } from "../../../kernel/ports.ts";
import {
  type ContainerExit,
  type ContainerSpec,
  type ContainerStarted,
  type Runtime,
  RuntimeFailure,
} from "../../runtime.ts";
import { removeEmptyParents } from "../cgroups.ts";
import { checkSpec } from "../check-spec.ts";
import { RECONCILE_MS, RECONCILE_SOON_MS } from "../limits.ts";
import { WAIT_STATUS_KILLED, waitStatusOfCode } from "../wait-status.ts";
import type { ContainerBook } from "./bookkeeping.ts";
import { asRuntimeFailure } from "./connection.ts";
import {
  deleteEndedTask,
  findTask,
  listOwn,
  ranOutOfMemory,
  removeContainer,
  signalContainer,
  startContainer,
} from "./containers.ts";
import { listTasks } from "./methods.ts";
import { openSession, type Session } from "./session.ts";
import { listenToTasks } from "./task-events.ts";

export interface ContainerdRuntimeOptions {
  /** Absolute path of containerd's socket. */
  readonly address: string;
  /** "tepui" when absent. Images must be in it. */
  readonly namespace?: string;
  /** When absent: overlayfs where it works, else native. */
  readonly snapshotter?: string;
  /** Absolute path for bookkeeping; must survive restarts of the agent and belong to this agent alone. */
  readonly directory: string;
  readonly tracer: Tracer;
  readonly clock: Clock;
}

/** Where the Debian package's containerd listens. */
export const DEFAULT_CONTAINERD_ADDRESS = "/run/containerd/containerd.sock";

/** Nothing is touched before `start`. */
export function createContainerdRuntime(options: ContainerdRuntimeOptions): Runtime {
  return new ContainerdRuntime(options);
}

/** What is known of a container that was launched or recovered and not removed. */
interface Tracked {
  readonly pid: number;
  ended: boolean;
  outOfMemory: boolean;
}

interface Live {
  readonly session: Session;
  readonly handler: (exit: ContainerExit) => void;
  readonly containers: Map<ContainerId, Tracked>;
  /** Exits of containers whose launch has not resolved yet. */
  readonly launching: Map<ContainerId, { exitStatus?: number }>;
  stopEvents(): void;
  reconciling: Timer | undefined;
}

class ContainerdRuntime implements Runtime {
  readonly name = "containerd";
  readonly #options: ContainerdRuntimeOptions;
  #live: Live | undefined;

  constructor(options: ContainerdRuntimeOptions) {
    this.#options = { ...options, directory: resolve(options.directory) };
  }

  async start(handler: (exit: ContainerExit) => void): Promise<void> {
    const { address, directory, tracer, clock, namespace = "tepui", snapshotter } = this.#options;
    if (process.platform !== "linux") {
      throw new RuntimeFailure("unavailable", `containerd needs Linux, this is ${process.platform}`);
    }
    const opened = openSession({ address, namespace, snapshotter, directory, tracer });
    const session = await opened.catch((error: unknown) => {
      throw asRuntimeFailure(error, address);
    });
    const live: Live = {
      session,
      handler,
      containers: new Map(),
      launching: new Map(),
      stopEvents: () => undefined,
      reconciling: undefined,
    };
    this.#live = live;
    const listener = {
      onExit: (id: string, exitStatus: number) => this.#onExit(live, asId<ContainerId>(id), exitStatus),
      onOutOfMemory: (id: string) => {
        const tracked = live.containers.get(asId<ContainerId>(id));
        if (tracked !== undefined) tracked.outOfMemory = true;
      },
      onGap: () => this.#reconcile(live, RECONCILE_SOON_MS),
    };
    const events = listenToTasks(session.connection, listener, clock, tracer);
    live.stopEvents = () => events.stop();
  }

  launch(spec: ContainerSpec): Promise<ContainerStarted> {
    return this.#guarded(async (live) => {
      checkSpec(spec);
      const { books } = live.session;
      if (!(await books.create(spec.id))) {
        throw new RuntimeFailure("launch-failed", `there is a container ${spec.id} already`);
      }
      live.launching.set(spec.id, {});
      try {
        const pid = await startContainer(live.session, spec);
        await books.write(spec.id, { stage: "running", pid });
        this.#track(live, spec.id, pid, live.launching.get(spec.id)?.exitStatus);
        return { id: spec.id, pid };
      } catch (error) {
        await this.#removeAll(live, spec.id);
        throw error;
      } finally {
        live.launching.delete(spec.id);
      }
    });
  }

  recover(id: ContainerId): Promise<ContainerStarted | "gone"> {
    return this.#guarded(async (live) => {
      const tracked = live.containers.get(id);
      if (tracked !== undefined) return { id, pid: tracked.pid };
      const book = await live.session.books.read(id);
      if (book?.stage === "ended") return this.#reportAgain(live, id, book);
      const task = await findTask(live.session, id);
      if (task?.status === "STOPPED") return this.#track(live, id, task.pid, task.exitStatus);
      if (task !== undefined && task.status !== "CREATED" && task.status !== "UNKNOWN") {
        return this.#track(live, id, task.pid, undefined);
      }
      // It ran, and containerd knows nothing of it any more: the machine or its shim went down.
      if (book?.stage === "running") return this.#track(live, id, book.pid, "lost");
      await this.#removeAll(live, id);
      return "gone";
    });
  }

  signal(id: ContainerId, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    return this.#guarded((live) => signalContainer(live.session, id, signal));
  }

  remove(id: ContainerId): Promise<void> {
    return this.#guarded((live) => this.#removeAll(live, id));
  }

  list(): Promise<readonly ContainerId[]> {
    return this.#guarded(async ({ session }) => {
      const inContainerd = (await listOwn(session)).map((id) => asId<ContainerId>(id));
      return [...new Set([...(await session.books.list()), ...inContainerd])];
    });
  }

  async stop(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    if (live === undefined) return;
    live.stopEvents();
    live.reconciling?.cancel();
    live.session.connection.close();
    await removeEmptyParents(live.session.cgroups.parent);
  }

  async #guarded<T>(work: (live: Live) => Promise<T>): Promise<T> {
    const live = this.#live;
    if (live === undefined) throw new RuntimeFailure("unavailable", "the containerd runtime is not started");
    try {
      return await work(live);
    } catch (error) {
      throw asRuntimeFailure(error, this.#options.address);
    }
  }

  async #removeAll(live: Live, id: ContainerId): Promise<void> {
    live.containers.delete(id);
    await removeContainer(live.session, id, this.#options.clock);
    await live.session.books.remove(id);
  }

  /** @param exitStatus if it has ended already; "lost" if nobody saw how */
  #track(
    live: Live,
    id: ContainerId,
    pid: number,
    exitStatus: number | "lost" | undefined,
  ): ContainerStarted {
    live.containers.set(id, { pid, ended: false, outOfMemory: false });
    // The caller is to know of the start before the handler hears of the end.
    if (exitStatus !== undefined) this.#options.clock.after(0, () => this.#onExit(live, id, exitStatus));
    return { id, pid };
  }

  #onExit(live: Live, id: ContainerId, exitStatus: number | "lost"): void {
    const launching = live.launching.get(id);
    if (launching !== undefined && exitStatus !== "lost" && !live.containers.has(id)) {
      launching.exitStatus = exitStatus;
      return;
    }
    const tracked = live.containers.get(id);
    if (tracked === undefined || tracked.ended) return;
    tracked.ended = true;
    const waitStatus = exitStatus === "lost" ? WAIT_STATUS_KILLED : waitStatusOfCode(exitStatus);
    this.#finish(live, id, tracked, waitStatus).catch((error: unknown) => {
      this.#options.tracer.error("runtime.exit-not-noted", { id, error });
      tracked.ended = false;
      this.#reconcileLater(live, RECONCILE_MS);
    });
  }

  /** Notes the exit before the task, which holds it too, is deleted; reports it when all output is written. */
  async #finish(live: Live, id: ContainerId, tracked: Tracked, waitStatus: number): Promise<void> {
    const outOfMemory = (await ranOutOfMemory(live.session, id)) || tracked.outOfMemory;
    await live.session.books.write(id, { stage: "ended", pid: tracked.pid, waitStatus, outOfMemory });
    await deleteEndedTask(live.session, id).catch((error: unknown) => {
      this.#options.tracer.warn("runtime.task-not-deleted", { id, error });
    });
    this.#report(live, tracked, { id, waitStatus, outOfMemory });
  }

  #reportAgain(live: Live, id: ContainerId, book: ContainerBook & { stage: "ended" }): ContainerStarted {
    const { pid, waitStatus, outOfMemory } = book;
    const tracked = { pid, ended: true, outOfMemory };
    live.containers.set(id, tracked);
    this.#options.clock.after(0, () => this.#report(live, tracked, { id, waitStatus, outOfMemory }));
    return { id, pid };
  }

  #report(live: Live, tracked: Tracked, exit: ContainerExit): void {
    if (this.#live === live && live.containers.get(exit.id) === tracked) live.handler(exit);
  }

  #reconcileLater(live: Live, delayMs: number): void {
    live.reconciling?.cancel();
    if (this.#live !== live) return;
    live.reconciling = this.#options.clock.after(delayMs, () => this.#reconcile(live, RECONCILE_MS));
  }

  /** Compares what is thought to run with containerd's tasks, for exits whose event was missed. */
  #reconcile(live: Live, nextMs: number): void {
    const running = [...live.containers].filter(([, tracked]) => !tracked.ended);
    const compare = async () => {
      if (running.length === 0) return;
      const { tasks } = await live.session.connection.call(listTasks, {});
      const found = new Map(tasks.map((task) => [task.id, task]));
      for (const [id] of running) {
        const task = found.get(id) ?? (await findTask(live.session, id));
        if (task === undefined) await this.#onTaskGone(live, id);
        else if (task.status === "STOPPED") this.#onExit(live, id, task.exitStatus);
      }
    };
    compare()
      .catch((error: Error) =>
        this.#options.tracer.warn("runtime.reconcile-failed", { reason: error.message }),
      )
      .finally(() => this.#reconcileLater(live, nextMs));
  }

  /** Its exit is in the books if whoever deleted it was an agent. */
  async #onTaskGone(live: Live, id: ContainerId): Promise<void> {
    const book = await live.session.books.read(id);
    if (book?.stage === "ended") this.#reportAgain(live, id, book);
    else this.#onExit(live, id, "lost");
  }
}
