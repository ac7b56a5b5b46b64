// Files of tasks' sandboxes, found where the agents of a test cluster keep them.
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, type TestCluster } from "./cluster.ts";

/** Path of the sandbox of a command task on any agent; waits until it is there. */
export function sandboxOf(cluster: Pick<TestCluster, "dataDirectory">, taskId: string): Promise<string> {
  const pattern = `a*/slaves/*/frameworks/*/executors/${taskId}/runs/latest`;
  return eventually(`the sandbox of ${taskId}`, () => firstMatch(cluster.dataDirectory, pattern));
}

/** Path of a file in it; waits until it is there. */
export async function sandboxFile(
  cluster: Pick<TestCluster, "dataDirectory">,
  taskId: string,
  name: string,
): Promise<string> {
  const sandbox = await sandboxOf(cluster, taskId);
  return eventually(`${name} in the sandbox of ${taskId}`, () => firstMatch(sandbox, name));
}

async function firstMatch(directory: string, pattern: string): Promise<string | undefined> {
  for await (const path of glob(pattern, { cwd: directory })) return join(directory, path);
  return undefined;
}

/** Contents of a file in the sandboxes of every run of a task, on all agents. */
export async function readInAllRuns(
  cluster: Pick<TestCluster, "dataDirectory">,
  taskId: string,
  name: string,
): Promise<readonly string[]> {
  const pattern = `a*/slaves/*/frameworks/*/executors/${taskId}/runs/*/${name}`;
  const contents: string[] = [];
  for await (const path of glob(pattern, { cwd: cluster.dataDirectory })) {
    // A link to the newest of the others.
    if (path.includes("/runs/latest/")) continue;
    contents.push(await readFile(join(cluster.dataDirectory, path), "utf8"));
  }
  return contents;
}
