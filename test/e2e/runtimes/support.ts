// What the runtime tests share: a real clock, a sandbox, waiting for an exit, and reading what a task wrote.
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerExit, ContainerSpec, Runtime } from "../../../src/agents/runtime.ts";
import { asId, asMillis, type ContainerId } from "../../../src/kernel/ids.ts";
import type { Clock } from "../../../src/kernel/ports.ts";

export const realClock: Clock = {
  wallMs: () => asMillis(Date.now()),
  monotonicMs: () => asMillis(performance.now()),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export function newContainerId(): ContainerId {
  return asId<ContainerId>(randomUUID());
}

export interface Room {
  readonly directory: string;
  /** A spec with a new id and an existing sandbox that users other than root can reach. */
  spec(changes: Partial<ContainerSpec> & { readonly argv: readonly string[] }): Promise<ContainerSpec>;
  remove(): Promise<void>;
}

export async function makeRoom(): Promise<Room> {
  const directory = await mkdtemp(join(tmpdir(), "tepui-runtime-"));
  return {
    directory,
    spec: async (changes) => {
      const id = changes.id ?? newContainerId();
      const sandbox = join(directory, "sandboxes", id);
      await mkdir(sandbox, { recursive: true });
      return {
        id,
        environment: { PATH: "/usr/bin:/bin" },
        sandbox,
        sandboxMount: "/mnt/mesos/sandbox",
        limits: { cpuMillis: 100, cpuHard: false, memoryBytes: 64 * 1024 * 1024 },
        ...changes,
      };
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

export function readOutput(spec: ContainerSpec, name: "stdout" | "stderr"): Promise<string> {
  return readFile(join(spec.sandbox, name), "utf8");
}

/** A started runtime with the exits that its handler got. */
export interface Watched {
  readonly runtime: Runtime;
  readonly exits: ContainerExit[];
  exitOf(id: ContainerId): Promise<ContainerExit>;
}

export async function startWatched(runtime: Runtime): Promise<Watched> {
  const exits: ContainerExit[] = [];
  const waiting: (() => void)[] = [];
  await runtime.start((exit) => {
    exits.push(exit);
    for (const wake of waiting.splice(0)) wake();
  });
  const exitOf = async (id: ContainerId): Promise<ContainerExit> => {
    for (;;) {
      const exit = exits.find((candidate) => candidate.id === id);
      if (exit !== undefined) return exit;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return { runtime, exits, exitOf };
}

/** Waits for something that will become true; the test's own timeout is the limit. */
export async function eventually(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

export function processRuns(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
