// What /proc says about a process. A process id alone is no identity: ids are used again, so a process is known by its
// id together with its start time, within one boot of the machine.
import { readdir, readFile } from "node:fs/promises";

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which it started: field 22 of proc_pid_stat(5). */
  readonly startTicks: string;
}

export interface ProcessStat extends ProcessIdentity {
  /** One letter; `Z` and `X` are processes that have ended. */
  readonly state: string;
  readonly processGroup: number;
  readonly session: number;
}

/** Reads a line of /proc/<pid>/stat; undefined if it is not one. The name in it may hold spaces and parentheses. */
export function parseStat(line: string): ProcessStat | undefined {
  const close = line.lastIndexOf(")");
  const pid = Number.parseInt(line, 10);
  const fields = line.slice(close + 2).split(" ");
  const [state, , processGroup, session] = fields;
  const startTicks = fields[19];
  if (close < 0 || !Number.isInteger(pid) || state === undefined || startTicks === undefined)
    return undefined;
  return { pid, state, startTicks, processGroup: Number(processGroup), session: Number(session) };
}

/** The process's stat, or undefined if there is none with that id. */
export async function readStat(pid: number): Promise<ProcessStat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** True while this very process has not ended; a zombie has. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const found = await readStat(identity.pid);
  return found !== undefined && found.startTicks === identity.startTicks && !hasEnded(found);
}

/** Every live process of the session. */
export async function sessionMembers(session: number): Promise<ProcessStat[]> {
  const names = await readdir("/proc");
  const stats = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((n) => readStat(Number(n))));
  return stats.filter(
    (stat) => stat !== undefined && stat.session === session && !hasEnded(stat),
  ) as ProcessStat[];
}

/** Differs after every boot of the machine. */
export async function readBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "latin1")).trim();
}

function hasEnded(stat: ProcessStat): boolean {
  return stat.state === "Z" || stat.state === "X";
}
