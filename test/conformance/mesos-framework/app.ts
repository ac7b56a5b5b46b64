// Runs the application on mesos-framework in a process of its own and keeps what it says.
import { type ChildProcess, fork } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../support/cluster.ts";

export interface Said {
  readonly event: string;
  readonly taskId?: string;
  readonly agentId?: string;
  readonly executorId?: string;
  readonly state?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly frameworkId?: string;
  readonly port?: number;
  readonly data?: string;
  readonly launched?: readonly { readonly taskId: string; readonly state?: string }[];
}

export interface App {
  readonly said: Said[];
  tell(order: Readonly<Record<string, unknown>>): void;
  /** The first thing said from position `from` on that fits. */
  hears(what: string, fits: (said: Said) => boolean, from?: number): Promise<Said>;
  stop(): Promise<void>;
}

export async function startApp(options: Readonly<Record<string, unknown>>): Promise<App> {
  const folder = await mkdtemp(join(tmpdir(), "tepui-app-"));
  await mkdir(join(folder, "logs"));
  const child = fork(join(import.meta.dirname, "scheduler-app.mjs"), [JSON.stringify(options)], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    execArgv: ["--no-deprecation"],
  });
  const said: Said[] = [];
  child.on("message", (message) => void said.push(message as Said));
  return {
    said,
    tell: (order) => void child.send(order),
    hears: (what, fits, from = 0) => eventually(what, () => said.slice(from).find(fits)),
    async stop() {
      await ended(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
