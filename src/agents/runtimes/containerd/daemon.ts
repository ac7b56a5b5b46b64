// A containerd of our own, for machines where none runs and for tests: own root, state and socket below one folder.
// Its containers outlive it, as with any containerd; who stops it removes them before.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Clock, Tracer } from "../../../kernel/ports.ts";
import { RuntimeFailure } from "../../runtime.ts";
import { DAEMON_POLL_MS, DAEMON_START_TIMEOUT_MS, DAEMON_STOP_TIMEOUT_MS } from "../limits.ts";
import { pause } from "../pause.ts";
import { isAlive, type ProcessIdentity, readStat } from "../proc.ts";
import { findProgram } from "../programs.ts";
import { connect, unavailable } from "./connection.ts";
import { getVersion } from "./methods.ts";

/** Names the daemon by process id and start time. */
const PID_FILE = "containerd.pid.json";

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

/**
 * Resolves when it answers. A daemon that an earlier call left running in the folder is taken over. Rejects with a
 * RuntimeFailure "unavailable"; the daemon's log is `containerd.log` in the folder.
 */
export async function startContainerd({
  directory,
  tracer,
  clock,
}: DaemonOptions): Promise<ContainerdDaemon> {
  const folder = resolve(directory);
  const address = join(folder, "containerd.sock");
  const running = (await findRunning(folder)) ?? (await launchDaemon(folder, address));
  try {
    await answering(running, address, clock);
  } catch (error) {
    await end(running, "SIGKILL", clock);
    throw error;
  }
  tracer.info("runtime.containerd-started", { address, pid: running.pid });
  return {
    address,
    pid: running.pid,
    stop: () => end(running, "SIGTERM", clock),
    kill: () => end(running, "SIGKILL", clock),
  };
}

async function launchDaemon(folder: string, address: string): Promise<ProcessIdentity> {
  const program = await findProgram("containerd", process.env.PATH, "/", undefined);
  if (program === undefined) {
    throw new RuntimeFailure("unavailable", "containerd is not installed: apt-get install containerd");
  }
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await writeFile(join(folder, "containerd.toml"), configuration(folder, address));
  const child = await spawnDaemon(program, folder);
  const stat = await readStat(child.pid ?? 0);
  if (stat === undefined)
    throw unavailable(address, "it ended at once, see containerd.log beside the socket");
  const identity = { pid: stat.pid, startTicks: stat.startTicks };
  await writeFile(join(folder, PID_FILE), JSON.stringify(identity));
  return identity;
}

async function findRunning(folder: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(join(folder, PID_FILE), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const identity = JSON.parse(text) as ProcessIdentity;
  return (await isAlive(identity)) ? identity : undefined;
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
    const child = spawn(program, ["--config", join(folder, "containerd.toml")], {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    // A failure to start shows as a missing process id.
    child.on("error", () => undefined);
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

async function answering(daemon: ProcessIdentity, address: string, clock: Clock): Promise<void> {
  const connection = connect(address, "default");
  let waiting = true;
  const died = async () => {
    while (waiting && (await isAlive(daemon))) await pause(clock, DAEMON_POLL_MS);
    if (waiting) throw unavailable(address, "it ended at once, see containerd.log beside the socket");
  };
  try {
    const answer = connection.call(getVersion, {}, { timeoutMs: DAEMON_START_TIMEOUT_MS });
    await Promise.race([answer, died()]);
  } finally {
    waiting = false;
    connection.close();
  }
}

async function end(daemon: ProcessIdentity, signal: NodeJS.Signals, clock: Clock): Promise<void> {
  const rounds = DAEMON_STOP_TIMEOUT_MS / DAEMON_POLL_MS;
  for (let round = 0; await isAlive(daemon); round++) {
    if (round === 0) process.kill(daemon.pid, signal);
    if (round === rounds) process.kill(daemon.pid, "SIGKILL");
    await pause(clock, DAEMON_POLL_MS);
  }
}
