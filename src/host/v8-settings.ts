// How V8 collects garbage in a master. Its memory reducer begins full collections of its own when little is allocated,
// and ends them at once: with a million tasks the loop stands still meanwhile, longer than a heartbeat of Raft may be
// away. Collections that allocation asks for are made in small steps, and go on as they are.
import { setFlagsFromString } from "node:v8";

/**
 * Collections in a row that the memory reducer may begin. V8 reads it each time, so it counts also when it is set after
 * the start; `--no-memory-reducer` is read once, before any of our code runs.
 */
const NO_COLLECTIONS = "--memory-reducer-gc-count=0";
/** Of V8 (Node 24): older ones do not know the flag and would say so. */
const MAJOR_MIN = 13;

/**
 * For the whole process. Flags on the memory reducer that the user has given win.
 * @param given flags of Node's command line and NODE_OPTIONS
 * @param version of V8
 * @param set sets one flag of V8
 * @returns what has been set
 */
export function applyV8Settings(
  given: readonly string[] = givenFlags(),
  version: string = process.versions.v8,
  set: (flag: string) => void = setFlagsFromString,
): readonly string[] {
  if (Number.parseInt(version, 10) < MAJOR_MIN) return [];
  if (given.some((flag) => /memory[-_]reducer/.test(flag))) return [];
  set(NO_COLLECTIONS);
  return [NO_COLLECTIONS];
}

function givenFlags(): readonly string[] {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
}
