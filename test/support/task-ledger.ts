// What really ran, told by the tasks themselves: each appends `<task id> <pid>` to a file of its own in a folder that
// the test reads. Beside it, every status that a framework got. What the two say must agree.
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Framework, isOver, type TaskStatus } from "../../src/frameworks/sdk/index.ts";

/** The start of a shell command that leaves its line in the ledger. */
export function recordRun(folder: string): string {
  return `echo "$MESOS_TASK_ID $$" >> '${folder}'/"$MESOS_TASK_ID"`;
}

export interface LedgerLine {
  readonly taskId: string;
  readonly pid: number;
}

/** Lines by task id. */
export async function readLedger(folder: string): Promise<ReadonlyMap<string, readonly LedgerLine[]>> {
  await mkdir(folder, { recursive: true });
  const names = await readdir(folder);
  const files = names.map(
    async (name) => [name, linesOf(await readFile(join(folder, name), "utf8"))] as const,
  );
  return new Map(await Promise.all(files));
}

function linesOf(text: string): LedgerLine[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [taskId = "", pid = ""] = line.split(" ");
    return { taskId, pid: Number(pid) };
  });
}

/** Every status that a framework gets from now on, by task, in the order of arrival. */
export function collectStatuses(framework: Framework): ReadonlyMap<string, readonly TaskStatus[]> {
  const statuses = new Map<string, TaskStatus[]>();
  framework.on("update", (status) => {
    const id = status.task_id.value;
    statuses.set(id, [...(statuses.get(id) ?? []), status]);
  });
  return statuses;
}

/** The different terminal states among a task's statuses: one if all is well, however often it was told. */
export function terminalStates(statuses: readonly TaskStatus[]): readonly string[] {
  return [...new Set(statuses.filter(isOver).map(({ state }) => state))];
}

/** Whether a status that is not terminal came after one that is. */
export function goesBack(statuses: readonly TaskStatus[]): boolean {
  const first = statuses.findIndex(isOver);
  return first >= 0 && statuses.slice(first).some((status) => !isOver(status));
}
