// Reads the CPU profiles of the masters: self time by room of the code, within stretches of time.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Microseconds on the monotonic clock. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Stretch {
  readonly from: number;
  readonly until: number;
}

export interface Spent {
  /** What the process was doing, busiest first, in parts of its busy time. */
  readonly rooms: readonly (readonly [string, number])[];
  readonly functions: readonly (readonly [string, number])[];
  /** Part of the time in which it did something. */
  readonly busy: number;
}

/** The profile that the process with this id has left. */
export async function readProfile(directory: string, pid: number): Promise<CpuProfile> {
  const name = (await readdir(directory)).find((each) => each.split(".")[3] === String(pid));
  if (name === undefined) throw new Error(`process ${pid} has left no profile`);
  return JSON.parse(await readFile(join(directory, name), "utf8")) as CpuProfile;
}

export function spentIn(profile: CpuProfile, stretches: readonly Stretch[]): Spent {
  const selfTimes = new Map<number, number>();
  let now = profile.startTime;
  for (const [i, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[i] ?? 0;
    now += delta;
    if (!stretches.some(({ from, until }) => now >= from && now < until)) continue;
    selfTimes.set(id, (selfTimes.get(id) ?? 0) + delta);
  }
  const rooms = new Map<string, number>();
  const functions = new Map<string, number>();
  for (const node of profile.nodes) {
    const time = selfTimes.get(node.id) ?? 0;
    add(rooms, roomOf(node), time);
    add(functions, functionOf(node), time);
  }
  const idle = rooms.get("idle") ?? 0;
  rooms.delete("idle");
  functions.delete("(idle)");
  const busy = [...rooms.values()].reduce((sum, time) => sum + time, 0);
  return { rooms: shares(rooms, busy), functions: shares(functions, busy), busy: busy / (busy + idle) };
}

function roomOf({ callFrame: { url, functionName } }: ProfileNode): string {
  if (functionName === "(idle)") return "idle";
  if (functionName === "(garbage collector)") return "garbage collector";
  if (functionName === "(program)") return "native code and system calls";
  const source = /\/src\/([^/]+)\//.exec(url)?.[1];
  if (source !== undefined && !url.includes("node_modules")) return `src/${source}`;
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (library !== undefined) return library;
  if (!url.startsWith("node:")) return "built-in functions of V8 and Node";
  const module = /^node:(?:internal\/)?_?([a-z]+)/.exec(url)?.[1] ?? "";
  return `node:${module}`;
}

function functionOf({ callFrame: { url, functionName, lineNumber } }: ProfileNode): string {
  if (url === "") return functionName;
  const place = url.replace(/^.*\/(src|node_modules)\//, "$1/");
  return `${functionName === "" ? "(anonymous)" : functionName} ${place}:${lineNumber + 1}`;
}

function add(totals: Map<string, number>, key: string, time: number): void {
  if (time > 0) totals.set(key, (totals.get(key) ?? 0) + time);
}

function shares(totals: ReadonlyMap<string, number>, whole: number): readonly (readonly [string, number])[] {
  return [...totals].map(([name, time]) => [name, time / whole] as const).toSorted((a, b) => b[1] - a[1]);
}
