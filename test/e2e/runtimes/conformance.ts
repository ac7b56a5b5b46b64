// What every runtime promises, tested on a real one. A runtime's own test file calls this with a way to make it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ContainerSpec, RuntimeFailureCode } from "../../../src/agents/runtime.ts";
import { makeRuntime, type RuntimePlan } from "./make-runtime.ts";
import {
  eventually,
  makeRoom,
  newContainerId,
  processRuns,
  type Room,
  readOutput,
  startWatched,
  type Watched,
} from "./support.ts";

export interface ConformanceCase {
  readonly title: string;
  plan(): RuntimePlan;
  /** For containers of this runtime: an image with a shell, or nothing. */
  image(): Pick<ContainerSpec, "image">;
  /** A user other than root that exists there, and its numeric id. */
  readonly otherUser: { readonly name: string; readonly uid: number };
}

const SIGKILL = 9;

export function describeRuntime(given: ConformanceCase): void {
  describe(given.title, () => {
    let room: Room;
    let watched: Watched;
    const restarted: Watched[] = [];

    beforeAll(async () => {
      room = await makeRoom();
      watched = await startWatched(makeRuntime(given.plan()));
    });
    afterEach(async () => {
      for (const other of restarted.splice(0)) await other.runtime.stop();
      for (const id of await watched.runtime.list()) await watched.runtime.remove(id);
    });
    afterAll(async () => {
      await watched.runtime.stop();
      await room.remove();
    });

    const shell = (script: string, changes: Partial<ContainerSpec> = {}) =>
      room.spec({ ...given.image(), ...changes, argv: ["/bin/sh", "-c", script] });
    /** A new runtime object with the same bookkeeping: an agent after its restart. */
    const restart = async (): Promise<Watched> => {
      const other = await startWatched(makeRuntime(given.plan()));
      restarted.push(other);
      return other;
    };
    const run = async (spec: ContainerSpec) => {
      await watched.runtime.launch(spec);
      return await watched.exitOf(spec.id);
    };
    const rejection = async (spec: ContainerSpec): Promise<{ code: RuntimeFailureCode; message: string }> => {
      const error = await watched.runtime.launch(spec).then(
        () => undefined,
        (reason) => reason,
      );
      expect(error).toMatchObject({ name: "RuntimeFailure" });
      expect(await watched.runtime.list()).not.toContain(spec.id);
      return error;
    };

    test("appends what the command writes to stdout and stderr of the sandbox", async () => {
      const spec = await shell("echo out; echo err >&2");
      await writeFile(join(spec.sandbox, "stdout"), "before\n");
      expect(await run(spec)).toEqual({ id: spec.id, waitStatus: 0, outOfMemory: false });
      expect(await readOutput(spec, "stdout")).toBe("before\nout\n");
      expect(await readOutput(spec, "stderr")).toBe("err\n");
    });

    test("gives the command the environment to the letter", async () => {
      const values = { PLAIN: "a b", QUOTED: `it's "$HOME" \\ \`x\``, LINES: "one\ntwo", "dotted.name": "ü" };
      const environment = { PATH: "/usr/bin:/bin", ...values };
      const spec = await room.spec({ ...given.image(), argv: ["env", "-0"], environment });
      expect((await run(spec)).waitStatus).toBe(0);
      const output = (await readOutput(spec, "stdout")).split("\0");
      for (const [name, value] of Object.entries(values)) expect(output).toContain(`${name}=${value}`);
    });

    test("passes arguments through unchanged", async () => {
      const argv = ["/bin/sh", "-c", 'for a in "$@"; do echo "[$a]"; done', "x", "", "a b", "'$(id)'", "*"];
      const spec = await room.spec({ ...given.image(), argv });
      await run(spec);
      expect(await readOutput(spec, "stdout")).toBe("[]\n[a b]\n['$(id)']\n[*]\n");
    });

    test("starts the command in the sandbox", async () => {
      const spec = await shell("echo data > file");
      await run(spec);
      expect(await readdir(spec.sandbox)).toContain("file");
    });

    test("finds the program in the PATH of the command's environment", async () => {
      const spec = await room.spec({ ...given.image(), argv: ["sh", "-c", "exit 0"] });
      expect((await run(spec)).waitStatus).toBe(0);
    });

    test("shows volumes in the sandbox: what is written there stays when the container is removed", async () => {
      const source = join(room.directory, "volume");
      await mkdir(source);
      const volume = { source, mounted: false, readOnly: false, owned: true };
      const volumes = ["data", "a/b/data"].map((target) => ({ ...volume, target }));
      const spec = await shell("echo one > data/file && cat a/b/data/file && id -u", {
        volumes,
        user: given.otherUser.name,
      });
      // Users other than root are to reach the volume by its path.
      await chmod(room.directory, 0o755);
      expect((await run(spec)).waitStatus).toBe(0);
      expect(await readOutput(spec, "stdout")).toBe(`one\n${given.otherUser.uid}\n`);
      await watched.runtime.remove(spec.id);
      expect(await readFile(join(source, "file"), "utf8")).toBe("one\n");
      expect((await stat(source)).uid).toBe(given.otherUser.uid);
    });

    test("a volume that is missing, or whose disk is, is named, and nothing is left", async () => {
      const volume = {
        source: join(room.directory, "missing"),
        readOnly: false,
        owned: true,
        target: "data",
      };
      for (const mounted of [false, true]) {
        const spec = await shell("true", { volumes: [{ ...volume, mounted }] });
        expect(await rejection(spec)).toMatchObject({
          code: "volume-unavailable",
          message: expect.stringContaining(volume.source),
        });
      }
    });

    test("reports the exit code as wait(2) has it", async () => {
      const spec = await shell("exit 7");
      expect(await run(spec)).toEqual({ id: spec.id, waitStatus: 7 * 256, outOfMemory: false });
    });

    test("runs as the named user, with that user's groups", async () => {
      const spec = await shell("id -u; id -G", { user: given.otherUser.name });
      expect((await run(spec)).waitStatus).toBe(0);
      const [uid] = (await readOutput(spec, "stdout")).split("\n");
      expect(uid).toBe(`${given.otherUser.uid}`);
    });

    test("SIGTERM reaches every process of the container", async () => {
      const script =
        "(trap 'echo child; exit' TERM; echo up; while :; do sleep 0.1; done) & trap 'wait; exit 3' TERM; echo up; wait";
      const spec = await shell(script);
      await watched.runtime.launch(spec);
      await eventually(async () => (await readOutput(spec, "stdout")).split("up").length === 3);
      await watched.runtime.signal(spec.id, "SIGTERM");
      const exit = await watched.exitOf(spec.id);
      expect(exit.waitStatus).toBe(3 * 256);
      expect(await readOutput(spec, "stdout")).toContain("child");
    });

    test("SIGKILL ends a container that ignores SIGTERM, with all that it started", async () => {
      const spec = await shell("trap '' TERM; sleep 1234 & setsid sleep 1234 & echo up; wait; wait");
      await watched.runtime.launch(spec);
      await eventually(async () => (await readOutput(spec, "stdout")) === "up\n");
      await watched.runtime.signal(spec.id, "SIGTERM");
      await watched.runtime.signal(spec.id, "SIGKILL");
      expect((await watched.exitOf(spec.id)).waitStatus).toBe(SIGKILL);
      await eventually(async () => (await processesWith("sleep\x001234")) === 0);
    });

    test("a signal to a container that has ended is no error", async () => {
      const spec = await shell("exit 0");
      await run(spec);
      await watched.runtime.signal(spec.id, "SIGKILL");
      await watched.runtime.signal(newContainerId(), "SIGTERM");
      expect(watched.exits.filter((exit) => exit.id === spec.id)).toHaveLength(1);
    });

    test("what a command leaves behind ends with it", async () => {
      const spec = await shell("setsid sleep 4321 & exit 0");
      await run(spec);
      await eventually(async () => (await processesWith("sleep\x004321")) === 0);
    });

    test("a container over its memory limit says so", async () => {
      const limits = { cpuMillis: 500, cpuHard: true, memoryBytes: 32 * 1024 * 1024 };
      const spec = await shell("x=$(head -c 200000000 /dev/zero | tr '\\0' 'x'); echo survived", { limits });
      const exit = await run(spec);
      expect(exit.outOfMemory).toBe(true);
      expect(exit.waitStatus).not.toBe(0);
    });

    test("an unknown user is refused, and nothing is left", async () => {
      const spec = await shell("true", { user: "no-such-user" });
      expect(await rejection(spec)).toMatchObject({
        code: "unknown-user",
        message: expect.stringContaining("no-such-user"),
      });
    });

    test("a missing program is refused, and nothing is left", async () => {
      for (const name of ["no-such-program", "/no/such/program", "/etc/passwd"]) {
        const spec = await room.spec({ ...given.image(), argv: [name] });
        expect(await rejection(spec)).toMatchObject({
          code: "command-not-found",
          message: expect.stringContaining(name),
        });
      }
    });

    test("a second container with an id in use is refused and the first goes on", async () => {
      const spec = await shell("sleep 600");
      await watched.runtime.launch(spec);
      await expect(watched.runtime.launch(spec)).rejects.toMatchObject({ code: "launch-failed" });
      expect(await watched.runtime.list()).toContain(spec.id);
      await watched.runtime.signal(spec.id, "SIGKILL");
      expect((await watched.exitOf(spec.id)).waitStatus).toBe(SIGKILL);
    });

    test("a restarted agent finds a running container and hears of its exit", async () => {
      const spec = await shell("while [ ! -e go ]; do sleep 0.05; done; echo done; exit 5");
      const started = await watched.runtime.launch(spec);
      const other = await restart();
      expect(await other.runtime.recover(spec.id)).toEqual(started);
      expect(other.exits).toEqual([]);
      await writeFile(join(spec.sandbox, "go"), "");
      expect((await other.exitOf(spec.id)).waitStatus).toBe(5 * 256);
      expect(await readOutput(spec, "stdout")).toBe("done\n");
    });

    test("a restarted agent can signal a container without having taken it over", async () => {
      const spec = await shell("exec sleep 600");
      await watched.runtime.launch(spec);
      const other = await restart();
      await other.runtime.signal(spec.id, "SIGKILL");
      expect((await watched.exitOf(spec.id)).waitStatus).toBe(SIGKILL);
    });

    test("recover of an unknown container is gone", async () => {
      expect(await watched.runtime.recover(newContainerId())).toBe("gone");
    });

    test("containers outlive an agent killed with SIGKILL; exits in its absence are not lost", async () => {
      const ended = await shell("sleep 0.3; exit 9");
      const killed = await shell("while :; do sleep 0.05; done");
      const going = await shell("trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done");
      const pids = await launchInKilledAgent(given.plan(), [ended, killed, going]);
      expect(pids).toHaveLength(3);
      process.kill(pids[1] ?? 0, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const other = await restart();
      for (const spec of [ended, killed, going])
        expect(await other.runtime.recover(spec.id)).not.toBe("gone");
      expect((await other.exitOf(ended.id)).waitStatus).toBe(9 * 256);
      expect((await other.exitOf(killed.id)).waitStatus).toBe(SIGKILL);
      expect(other.exits.some((exit) => exit.id === going.id)).toBe(false);
      await eventually(async () => (await readOutput(going, "stdout")) === "up\n");
      await other.runtime.signal(going.id, "SIGTERM");
      expect((await other.exitOf(going.id)).waitStatus).toBe(4 * 256);
    });

    test("an out-of-memory end in the agent's absence is told after its restart", async () => {
      const limits = { cpuMillis: 500, cpuHard: false, memoryBytes: 32 * 1024 * 1024 };
      const spec = await shell("sleep 0.5; x=$(head -c 200000000 /dev/zero | tr '\\0' 'x')", { limits });
      await launchInKilledAgent(given.plan(), [spec]);
      await new Promise((resolve) => setTimeout(resolve, 2500));
      const other = await restart();
      await other.runtime.recover(spec.id);
      expect((await other.exitOf(spec.id)).outOfMemory).toBe(true);
    });

    test("a stopped runtime reports nothing more", async () => {
      const spec = await shell("while [ ! -e go ]; do sleep 0.05; done");
      const first = await restart();
      await first.runtime.launch(spec);
      await first.runtime.stop();
      const second = await restart();
      await second.runtime.recover(spec.id);
      await writeFile(join(spec.sandbox, "go"), "");
      await second.exitOf(spec.id);
      expect(first.exits).toEqual([]);
    });

    test("remove leaves the sandbox and nothing else, and may be repeated", async () => {
      const spec = await shell("echo kept");
      await run(spec);
      expect(await watched.runtime.list()).toContain(spec.id);
      await watched.runtime.remove(spec.id);
      await watched.runtime.remove(spec.id);
      expect(await watched.runtime.list()).toEqual([]);
      expect(await watched.runtime.recover(spec.id)).toBe("gone");
      expect(await readOutput(spec, "stdout")).toBe("kept\n");
    });

    test("remove of a running container ends it", async () => {
      const spec = await shell("trap '' TERM; while :; do sleep 1; done");
      const { pid } = await watched.runtime.launch(spec);
      await watched.runtime.remove(spec.id);
      await eventually(() => !processRuns(pid));
      expect(await watched.runtime.list()).toEqual([]);
    });

    test("50 short containers at once all report their own exit", async () => {
      const specs = await Promise.all(Array.from({ length: 50 }, (_, i) => shell(`echo ${i}; exit ${i}`)));
      await Promise.all(specs.map((spec) => watched.runtime.launch(spec)));
      for (const [i, spec] of specs.entries()) {
        expect((await watched.exitOf(spec.id)).waitStatus).toBe(i * 256);
        expect(await readOutput(spec, "stdout")).toBe(`${i}\n`);
      }
      expect(watched.exits.filter((exit) => specs.some((spec) => spec.id === exit.id))).toHaveLength(50);
    });
  });
}

/** Launches the containers from another process and ends that with SIGKILL. @returns their process ids */
async function launchInKilledAgent(plan: RuntimePlan, specs: readonly ContainerSpec[]): Promise<number[]> {
  const file = join(import.meta.dirname, "agent-child.ts");
  const child = spawn(process.execPath, [file, JSON.stringify(plan), JSON.stringify(specs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const [output] = (await Promise.race([once(child.stdout, "data"), exited])) as [unknown];
  child.kill("SIGKILL");
  await exited;
  return JSON.parse(String(output)) as number[];
}

/** How many live processes of the machine have the text in their command line. */
async function processesWith(text: string): Promise<number> {
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    names.map((name) => readFile(`/proc/${name}/cmdline`, "latin1").catch(() => "")),
  );
  return lines.filter((line) => line.includes(text)).length;
}
