// Starts a shim and waits until its command is about to run.
import { type ChildProcess, spawn } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "../../../kernel/ports.ts";
import { RuntimeFailure } from "../../runtime.ts";
import type { Account } from "../accounts.ts";
import { SHIM_START_TIMEOUT_MS } from "../limits.ts";
import { SHIM_READY_FD } from "./shim-script.ts";

export interface ShimStart {
  readonly script: string;
  readonly sandbox: string;
  /** Owner of the output files. */
  readonly owner: Account | undefined;
}

/**
 * Resolves when the command is about to run. Rejects with a RuntimeFailure if the shim ended before. The child is
 * unreferenced: it keeps neither the agent's event loop nor itself tied to the agent.
 */
export async function startShim(start: ShimStart, clock: Clock): Promise<ChildProcess> {
  const output = await openOutput(start);
  try {
    const child = spawn("/bin/sh", [start.script], {
      cwd: start.sandbox,
      detached: true,
      env: {},
      stdio: ["ignore", output[0].fd, output[1].fd, "pipe"],
    });
    await ready(child, clock);
    child.unref();
    return child;
  } finally {
    await Promise.all(output.map((file) => file.close()));
  }
}

async function openOutput(start: ShimStart): Promise<[FileHandle, FileHandle]> {
  const stdout = await openAppending(join(start.sandbox, "stdout"), start.owner);
  try {
    return [stdout, await openAppending(join(start.sandbox, "stderr"), start.owner)];
  } catch (error) {
    await stdout.close();
    throw error;
  }
}

async function openAppending(path: string, owner: Account | undefined): Promise<FileHandle> {
  try {
    const file = await open(path, "a", 0o644);
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    return file;
  } catch (error) {
    throw new RuntimeFailure("launch-failed", `cannot write ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function ready(child: ChildProcess, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const pipe = child.stdio[SHIM_READY_FD] as Readable | undefined;
    const timer = clock.after(SHIM_START_TIMEOUT_MS, () => {
      child.kill("SIGKILL");
      fail("it did not begin in time");
    });
    const fail = (reason: string) => {
      timer.cancel();
      pipe?.destroy();
      reject(new RuntimeFailure("launch-failed", `the task's shim failed: ${reason}`));
    };
    child.once("error", (error) => fail(error.message));
    // Not "exit": that may come while the word of a short command's shim is still in the pipe.
    child.once("close", (code, signal) => fail(`it ended with ${signal ?? code}, see the task's stderr`));
    pipe?.once("data", () => {
      timer.cancel();
      pipe.destroy();
      resolve();
    });
  });
}
