// Signals to all processes of a task: its process group, its session, and whatever is in its cgroups.
import type { Clock } from "../../../kernel/ports.ts";
import { cgroupMembers } from "../cgroups.ts";
import { SETTLE_POLL_MS, SETTLE_ROUNDS } from "../limits.ts";
import { pause } from "../pause.ts";
import { type ProcessIdentity, readStat, sessionMembers } from "../proc.ts";

export interface TaskProcesses {
  /** The command; its process id is also the id of its session. */
  readonly command: ProcessIdentity;
  readonly cgroups: readonly string[];
}

/** Sends the signal once to every process found. */
export async function signalTask(task: TaskProcesses, signal: "SIGTERM" | "SIGKILL"): Promise<number> {
  const members = await membersOf(task);
  for (const pid of members) send(pid, signal);
  return members.length;
}

/** Kills until none is left: a process may have forked between the look and the signal. */
export async function killTask(task: TaskProcesses, clock: Clock): Promise<boolean> {
  for (let round = 0; round < SETTLE_ROUNDS; round++) {
    if ((await signalTask(task, "SIGKILL")) === 0) return true;
    await pause(clock, SETTLE_POLL_MS);
  }
  return false;
}

async function membersOf(task: TaskProcesses): Promise<readonly number[]> {
  const inCgroups = await cgroupMembers(task.cgroups);
  return [...new Set([...inCgroups, ...(await ownSession(task.command))])];
}

/**
 * The kernel gives an id to no new process while a session has it, so if the id belongs to another process than the
 * command, the command's session has ended and what is found there is not ours.
 */
async function ownSession(command: ProcessIdentity): Promise<readonly number[]> {
  const leader = await readStat(command.pid);
  if (leader !== undefined && leader.startTicks !== command.startTicks) return [];
  const members = (await sessionMembers(command.pid)).map((stat) => stat.pid);
  // Between fork and setsid the command is not yet in its session.
  return leader === undefined || leader.state === "Z" ? members : [command.pid, ...members];
}

function send(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
