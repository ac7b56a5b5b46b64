// How V8 collects garbage in a master, in four points: short pauses before the least work, for a pause as long as an
// election timeout costs the cluster its leader. Figures: docs/decisions/0032-v8-settings.md.
//
// Its memory reducer begins full collections of its own when little is allocated, and ends them at once: with a million
// tasks the loop stands still meanwhile, longer than a heartbeat of Raft may be away. Collections that allocation asks for
// are made in small steps, and go on as they are.
//
// It also begins a full collection for every 64 MiB of byte arrays made since the last, however large the heap is that it
// must walk, though nearly all of them are dead by the next collection of the young. A master makes some 5 KB of them for
// each status update.
//
// It puts objects straight among the old where earlier ones made in the same place lived long: while a cluster fills,
// those are of the cluster's state, and ever after those of every update, which die in milliseconds but are then only
// collected with all the others.
//
// And it lets the young generation grow to a size whose collection is a long pause (young-generation.ts).
//
// How V8 marks what lives is left alone: to turn its marking threads off in a process that runs, which may be marking
// just then, ended one start of some hundreds by a segmentation fault.
import { setFlagsFromString } from "node:v8";
import { holdYoungGeneration } from "./young-generation.ts";

interface Setting {
  readonly flag: string;
  /** Flags of the user's by which it is left alone. */
  readonly unless: RegExp;
}

/** V8 reads each of them every time, so that they count also when they are set after the start. */
const SETTINGS: readonly Setting[] = [
  /** Collections in a row that the memory reducer may begin. (`--no-memory-reducer` is read before any of our code runs.) */
  { flag: "--memory-reducer-gc-count=0", unless: /memory[-_]reducer/ },
  /** Byte arrays count against the limit that grows with the heap, as objects do, instead of one of their own. */
  { flag: "--external-memory-accounted-in-global-limit", unless: /external[-_]memory/ },
  /** Whatever is made begins among the young. */
  { flag: "--no-allocation-site-pretenuring", unless: /pretenuring/ },
];
/** Of V8 (Node 24): older ones do not know the flags and would say so. */
const MAJOR_MIN = 13;
/** Flags of the user's on the size of the young generation. */
const OWN_SEMI_SPACE = /semi[-_]space/;

/**
 * For the whole process. Flags of the user on the same matter win.
 * @param given flags of Node's command line and NODE_OPTIONS
 * @param version of V8
 * @param set sets one flag of V8
 * @param holdYoung keeps the young generation at its size from now on
 * @returns what has been set
 */
export function applyV8Settings(
  given: readonly string[] = givenFlags(),
  version: string = process.versions.v8,
  set: (flag: string) => void = setFlagsFromString,
  holdYoung: (set: (flag: string) => void) => void = holdYoungGeneration,
): readonly string[] {
  if (Number.parseInt(version, 10) < MAJOR_MIN) return [];
  const free = SETTINGS.filter(({ unless }) => !given.some((flag) => unless.test(flag)));
  for (const { flag } of free) set(flag);
  if (!given.some((flag) => OWN_SEMI_SPACE.test(flag))) holdYoung(set);
  return free.map(({ flag }) => flag);
}

function givenFlags(): readonly string[] {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
}
