// What a task costs a master that has restored it (decision 0038), measured in a process of its own.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const SCRIPT = fileURLToPath(new URL("support/task-memory.ts", import.meta.url));
const TASKS = 20_000;

it("takes little: what it has in common with others stands once, and nothing longer is kept alive by its texts", () => {
  const flags = ["--expose-gc", "--experimental-strip-types", "--no-warnings", SCRIPT, String(TASKS)];
  const measured = JSON.parse(execFileSync(process.execPath, flags, { encoding: "utf8" })) as unknown;
  expect(measured).toMatchObject({ tasks: TASKS });
  expect((measured as { readonly heapBytesEach: number }).heapBytesEach).toBeLessThan(680);
});
