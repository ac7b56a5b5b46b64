// What `tepui whatif` reads of a master's log folder: the state at an index, packed, and the entries after it.
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Entry } from "../state/codec.ts";
import { encodeSnapshot } from "../state/snapshot.ts";
import { contentOf, effectiveEntries, LOG_FOLDER, stateBefore } from "./log-folder.ts";

export interface LogPart {
  readonly snapshot: Uint8Array;
  readonly entries: readonly Entry[];
}

/**
 * @param directory a master's data directory, or the log's folder in it
 * @param from the state is as of after this entry
 * @param to the last entry; the end of the log if left out
 * @throws Error that says what is wrong and what to do
 */
export async function readLogPart(directory: string, from: number, to: number): Promise<LogPart> {
  const dataDirectory = await dataDirectoryOf(directory);
  const entries: Entry[] = [];
  let last = 0;
  for await (const record of effectiveEntries(dataDirectory)) {
    if (record.kind === "damage") continue;
    last = record.entry.index;
    if (last <= from) continue;
    if (last > to) break;
    const content = contentOf(record.entry);
    if (content !== null) entries.push(content);
  }
  if (from >= last)
    throw new Error(`--from ${from} is outside the log, which ends at entry ${last}; give an earlier one`);
  if (entries.length === 0)
    throw new Error(`there is nothing of frameworks or agents after entry ${from}; give an earlier --from`);
  return { snapshot: encodeSnapshot(await stateAfter(dataDirectory, from)), entries };
}

async function stateAfter(dataDirectory: string, index: number) {
  try {
    return await stateBefore(dataDirectory, index + 1);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the state at entry ${index} cannot be rebuilt: ${why}; "tepui log ls ${dataDirectory}" shows what is kept`,
    );
  }
}

async function dataDirectoryOf(directory: string): Promise<string> {
  for (const each of [directory, dirname(directory)]) {
    const found = await stat(join(each, LOG_FOLDER)).catch(() => undefined);
    if (found?.isDirectory() === true && (each === directory || basename(directory) === LOG_FOLDER))
      return each;
  }
  throw new Error(
    `--log ${directory}: there is no log; give the data directory of a master (its --data-dir)`,
  );
}
