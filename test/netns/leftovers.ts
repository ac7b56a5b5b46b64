// What labs leave on the machine when they are killed: processes in their namespaces, mounts, namespaces, folders. All of
// it carries the process id of the one that made it.
import { readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { problemOf, run } from "./commands.ts";

const NAME = /^tepui-(?:lab|try)-(\d+)/;
/** Processes end a moment after they are killed. Milliseconds. */
const END_PAUSE_MS = 100;
const ENDS_AWAITED_MAX = 50;

/** Names of labs begin like this. */
export function labName(): string {
  return `tepui-lab-${process.pid}`;
}

/** Removes what labs of processes have left that are no more. Gives the names of what was removed. */
export async function removeLeftovers(): Promise<readonly string[]> {
  return removeThose((pid) => !isAlive(pid));
}

/** Removes everything of this process' lab, whatever state it is in. */
export async function removeOwn(): Promise<readonly string[]> {
  return removeThose((pid) => pid === process.pid);
}

async function removeThose(chosen: (pid: number) => boolean): Promise<readonly string[]> {
  const isChosen = (name: string) => {
    const pid = NAME.exec(name)?.[1];
    return pid !== undefined && chosen(Number(pid));
  };
  const namespaces = (await entriesOf("/run/netns")).filter(isChosen);
  const mounts = await mountsWhere(isChosen);
  for (const path of mounts) await problemOf("fsfreeze", ["--unfreeze", path]);
  for (const name of namespaces) await endProcessesIn(name);
  for (const path of mounts) await problemOf("umount", ["--lazy", path]);
  for (const name of namespaces) await problemOf("ip", ["netns", "del", name]);
  const folders = (await entriesOf(tmpdir())).filter(isChosen);
  for (const name of folders) await rm(join(tmpdir(), name), { recursive: true, force: true });
  return [...namespaces, ...mounts, ...folders];
}

async function endProcessesIn(namespace: string): Promise<void> {
  for (let i = 0; i < ENDS_AWAITED_MAX; i++) {
    const pids = (await run("ip", ["netns", "pids", namespace]).catch(() => "")).split("\n").filter(Boolean);
    if (pids.length === 0) return;
    for (const pid of pids) kill(Number(pid));
    await new Promise((resolve) => setTimeout(resolve, END_PAUSE_MS));
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** Mount points, of which one part of the path is a lab's name; the innermost first. */
async function mountsWhere(isChosen: (name: string) => boolean): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  const paths = lines.map((line) => line.split(" ")[1] ?? "");
  return paths.filter((path) => path.split("/").some(isChosen)).reverse();
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
