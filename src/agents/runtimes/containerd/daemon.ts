// A containerd of our own, for machines where none runs and for tests: own root, state and socket below one folder.
// Its containers outlive it, as with any containerd; who stops it removes them before.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Clock, Tracer } from "../../../kernel/ports.ts";
import { RuntimeFailure } from "../../runtime.ts";
import { DAEMON_START_TIMEOUT_MS, DAEMON_STOP_TIMEOUT_MS } from "../limits.ts";
import { findProgram } from "../programs.ts";
import { connect, unavailable } from "./connection.ts";
import { getVersion } from "./methods.ts";

export interface ContainerdDaemon {
  /** Absolute path of its socket. */
  readonly address: string;
  readonly pid: number;
  /** Ends the daemon, not its containers. */
  stop(): Promise<void>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

export interface DaemonOptions {
  /** Absolute path, short enough for a socket in it (about 90 characters). */
  readonly directory: string;
  readonly tracer: Tracer;
  readonly clock: Clock;
}

/** Resolves when it answers. Rejects with a RuntimeFailure "unavailable"; its log is `containerd.log` in the folder. */
export async function startContainerd({
  directory,
  tracer,
  clock,
}: DaemonOptions): Promise<ContainerdDaemon> {
  const program = await findProgram("containerd", process.env.PATH, "/", undefined);
  if (program === undefined) {
    throw new RuntimeFailure("unavailable", "containerd is not installed: apt-get install containerd");
  }
  const folder = resolve(directory);
  const address = join(folder, "containerd.sock");
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await writeFile(join(folder, "containerd.toml"), configuration(folder, address));
  const child = await spawnDaemon(program, folder);
  try {
    await answering(child, address);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  tracer.info("runtime.containerd-started", { address, pid: child.pid });
  return {
    address,
    pid: child.pid ?? 0,
    stop: () => end(child, "SIGTERM", clock),
    kill: () => end(child, "SIGKILL", clock),
  };
}

function configuration(folder: string, address: string): string {
  const text = (value: string) => JSON.stringify(value);
  return [
    "version = 2",
    `root = ${text(join(folder, "root"))}`,
    `state = ${text(join(folder, "state"))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    "[grpc]",
    `  address = ${text(address)}`,
    "",
  ].join("\n");
}

async function spawnDaemon(program: string, folder: string): Promise<ChildProcess> {
  const log = await open(join(folder, "containerd.log"), "a");
  try {
    return spawn(program, ["--config", join(folder, "containerd.toml")], {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
  } finally {
    await log.close();
  }
}

async function answering(child: ChildProcess, address: string): Promise<void> {
  const connection = connect(address, "default");
  const died = once(child, "exit").then(([code]) => {
    throw unavailable(address, `it ended with ${code}, see containerd.log beside the socket`);
  });
  try {
    const answer = connection.call(getVersion, {}, { timeoutMs: DAEMON_START_TIMEOUT_MS });
    died.catch(() => undefined);
    await Promise.race([answer, died]);
  } finally {
    connection.close();
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals, clock: Clock): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  const timer = clock.after(DAEMON_STOP_TIMEOUT_MS, () => child.kill("SIGKILL"));
  await exited;
  timer.cancel();
}
