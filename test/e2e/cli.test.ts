// The `tepui` command as a person uses it: real processes, their output and their exit codes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  eventually,
  freePorts,
  startTestCluster,
  TEPUI_COMMAND,
  type TestCluster,
} from "../support/cluster.ts";
import { processesOf } from "../support/processes.ts";
import { startTepui, tepui } from "../support/tepui.ts";

const COMMANDS = [
  "up",
  "master",
  "agent",
  "state",
  "run",
  "members",
  "agents",
  "roles",
  "quota",
  "weights",
  "log",
];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-cli-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("help and usage", () => {
  test("--help names every command; each command documents its settings with defaults and variables", async () => {
    const help = await tepui(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const command of COMMANDS) expect(help.stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    const master = (await tepui(["master", "--help"])).stdout.replaceAll(/\s+/g, " ");
    expect(master).toContain("seconds (default: 75, env: TEPUI_AGENT_RECONNECT_TIMEOUT)");
    expect(master).toContain("TEPUI_DATA_DIR");
    const up = (await tepui(["up", "--help"])).stdout.replaceAll(/\s+/g, " ");
    expect(up).toContain("(default: 5050, env: TEPUI_PORT)");
    for (const flag of ["--masters", "--agents", "--port", "--data-dir", "--runtime", "--once"]) {
      expect(up).toContain(flag);
    }
  });

  test.each([
    [["nonsense"], "unknown command 'nonsense'"],
    [["state", "--nonsense"], "unknown option '--nonsense'"],
    [["run"], "missing required argument 'command'"],
    [["up", "--masters", "0"], "It must be a whole number from 1 to 9."],
    [["up", "--runtime", "vm"], "Allowed choices are auto, containerd, process."],
    [["run", "--cpus", "0.0001", "--", "true"], "greater than 0 with at most three decimals"],
  ])("%j ends with 2 and says what is wrong and where to look", async (words, advice) => {
    const { code, stderr } = await tepui(words);
    expect(stderr).toContain(advice);
    expect(stderr).toContain("--help");
    expect(code).toBe(2);
  });

  test("without a cluster: what was tried, and what to do", async () => {
    const { code, stderr } = await tepui(["state", "--master", "127.0.0.1:9"]);
    expect(code).toBe(1);
    expect(stderr).toContain("127.0.0.1:9");
    expect(stderr).toContain("--master");
    const log = await tepui(["log", "cat", folder]);
    expect(log.code).toBe(1);
    expect(log.stderr).toContain("give a master's data directory");
  });
});

test("a master that cannot start ends, also where a channel to its starter would keep it alive", async () => {
  await writeFile(join(folder, "file"), "");
  const [program = "", ...before] = TEPUI_COMMAND;
  const words = [...before, "master", "--data-dir", join(folder, "file")];
  const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const [code] = await once(child, "exit");
  expect(code).toBe(1);
});

describe("with a cluster", () => {
  let cluster: TestCluster;
  let master: string[];

  beforeAll(async () => {
    cluster = await startTestCluster({ masters: 3, agents: 1 });
    master = ["--master", cluster.apis.join(",")];
    await cluster.ready();
  });

  afterAll(() => cluster.destroy());

  const run = (...words: string[]) => tepui(["run", ...master, "--name", "job", "--", ...words]);

  test("run streams a task's output and tells its states", async () => {
    const words = ["run", ...master, "--name", "slow", "--", "echo one; echo two >&2; sleep 2; echo three"];
    const slow = startTepui(words);
    const firstLines = () => slow.stdout() === "one\n" && slow.stderr().includes("two\n");
    await eventually("the first lines while it runs", firstLines);
    expect(slow.child.exitCode).toBeNull();
    const { code, stdout, stderr } = await slow.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "one\nthree\n" });
    expect(stderr).toContain("TASK_RUNNING");
    expect(stderr).toContain("TASK_FINISHED");
  });

  test("run ends with the task's exit code, or 128 and its signal", async () => {
    const [three, argv, killed] = await Promise.all([
      run("exit 3"),
      run("/bin/sh", "-c", 'echo "$1 $2"', "sh", "a b", "$HOME"),
      run("kill -TERM $$"),
    ]);
    expect(three.code).toBe(3);
    expect(three.stderr).toContain("TASK_FAILED: Command exited with status 3");
    expect({ code: argv.code, stdout: argv.stdout }).toEqual({ code: 0, stdout: "a b $HOME\n" });
    expect(killed.code).toBe(128 + 15);
  });

  test("run copies every line once and ends, whenever the task does", async () => {
    const ends = [0.1, 0.2, 0.3, 0.4].map((seconds) => run(`echo a; sleep ${seconds}; echo b`));
    for (const { code, stdout } of await Promise.all(ends))
      expect({ code, stdout }).toEqual({ code: 0, stdout: "a\nb\n" });
  });

  test("Ctrl-C on run kills the task", async () => {
    const long = startTepui(["run", ...master, "--name", "long", "--", "echo begun; sleep 1000"]);
    await eventually("the task to run", () => long.stdout().includes("begun"));
    long.child.kill("SIGINT");
    const { code, stderr } = await long.ended;
    expect(code).toBe(130);
    expect(stderr).toContain("TASK_KILLED");
  });

  test("state shows members, agents, frameworks and tasks, in tables and as JSON", async () => {
    const long = startTepui([
      "run",
      ...master,
      "--name",
      "shown",
      "--cpus",
      "0.5",
      "--",
      "echo begun; sleep 1000",
    ]);
    await eventually("the task to run", () => long.stdout().includes("begun"));
    const tables = await tepui(["state", ...master]);
    const json = await tepui(["state", ...master, "--json"]);
    long.child.kill("SIGINT");
    await long.ended;

    expect(tables.code).toBe(0);
    for (const name of ["m1", "m2", "m3"])
      expect(tables.stdout).toMatch(new RegExp(`^${name} .*(leader|follower)`, "m"));
    expect(tables.stdout).toMatch(/\bleader\b/);
    expect(tables.stdout).toMatch(/active +0\.5\/4 +32\/1024/);
    expect(tables.stdout).toMatch(/run shown .*connected/);
    expect(tables.stdout).toMatch(/^shown-.*TASK_RUNNING/m);
    const state = JSON.parse(json.stdout) as {
      members: { id: string; status: { role: string } }[];
      leader: string;
      state: { get_state: { get_tasks: { tasks: { name: string; state: string }[] } } };
    };
    expect(state.members.filter(({ status }) => status.role === "leader").map(({ id }) => id)).toEqual([
      state.leader,
    ]);
    expect(state.state.get_state.get_tasks.tasks).toMatchObject([{ name: "shown", state: "TASK_RUNNING" }]);
  });

  test("flags win over variables, variables over the config file", async () => {
    const nobody = "127.0.0.1:9";
    const right = cluster.apis[0] ?? nobody;
    const config = join(folder, "config.json");
    await writeFile(config, JSON.stringify({ master: right }));
    const byFile = ["state", "--config", config];
    expect((await tepui(byFile)).code).toBe(0);
    expect((await tepui(["state"], { env: { TEPUI_CONFIG: config } })).code).toBe(0);
    expect((await tepui(byFile, { env: { TEPUI_MASTER: nobody } })).code).toBe(1);
    expect((await tepui(["state"], { env: { TEPUI_MASTER: right } })).code).toBe(0);
    expect((await tepui(["state", "--master", nobody], { env: { TEPUI_MASTER: right } })).code).toBe(1);
    await writeFile(config, JSON.stringify({ mastre: right }));
    const unknown = await tepui(byFile);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('unknown setting "mastre"; known are master, json');
  });

  test("log ls and log cat read the log of a running master, and of a stopped one", async () => {
    await run("true");
    const [follower] = cluster.masters.filter((each) => each.name !== "m1");
    const directory = join(cluster.dataDirectory, follower?.name ?? "");
    const ls = await tepui(["log", "ls", directory]);
    expect(ls).toMatchObject({ code: 0, stderr: "" });
    expect(ls.stdout).toMatch(/^segment .* 1–\d+ +\d+$/m);
    const running = await tepui(["log", "cat", directory]);
    expect(running).toMatchObject({ code: 0, stderr: "" });
    const lines = running.stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^\d+ \d+ \d{4}-\d\d-\d\dT[\d:.]+Z ClusterFounded cluster [0-9a-f-]{36}$/);
    expect(running.stdout).toMatch(/TaskLaunched job-\S+ of \S+ on \S+ with cpus:0\.1; mem:32/);
    await follower?.end("SIGTERM");
    const stopped = await tepui(["log", "cat", directory]);
    expect(stopped.stdout.startsWith(running.stdout)).toBe(true);
    const some = await tepui(["log", "cat", directory, "--from", "2", "--to", "3", "--json"]);
    const events = some.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { index: number; kind: string });
    expect(new Set(events.map(({ index }) => index))).toEqual(new Set([2, 3]));
    expect(events[0]?.kind).toBe("ClusterFounded");
    follower?.start();
  });
});

describe("up", () => {
  test("--once runs the example through the death of the leader and ends with 0", async () => {
    const port = await freePorts();
    const words = [
      "up",
      "--once",
      "--runtime",
      "process",
      "--port",
      String(port),
      "--data-dir",
      join(folder, "once"),
    ];
    const { code, stdout, stderr } = await tepui(words);
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
    for (const offset of [0, 10, 20, 1, 11]) expect(stdout).toContain(`http://127.0.0.1:${port + offset}`);
    expect(stdout).toMatch(/\[█{40}\] 40\/40/);
    const [, pi = "", off = ""] = /π ≈ ([\d.]+), off by ([\d.]+)/.exec(stdout) ?? [];
    expect(Math.abs(Number(pi) - Math.PI)).toBeCloseTo(Number(off), 5);
    expect(Number(off)).toBeLessThan(0.01);
    const [, first = "0", second = "0"] = /tasks by agent: \S+ (\d+), \S+ (\d+)\./.exec(stdout) ?? [];
    expect(Number(first) + Number(second)).toBe(40);
    expect(Math.min(Number(first), Number(second))).toBeGreaterThan(0);
    for (const note of [
      /elected in term/,
      /framework \S+ subscribed, at/,
      /first offers: /,
      /first launch: pi-\d+ on/,
      /killed with SIGKILL/,
      /subscribed again, at/,
      /leads in term/,
      /all 40 tasks finished/,
      /New leader \d+ ms after the kill, offers \d+ ms after it/,
      /The log holds [\d,]+ events in [\d,]+ entries/,
    ]) {
      expect(stdout).toMatch(note);
    }
    expect(await processesOf(join(folder, "once"))).toEqual([]);
  });

  test.each(["while the job runs", "when the job is done"])(
    "Ctrl-C %s stops every process and leaves no task",
    async (when) => {
      const during = when === "while the job runs";
      const directory = join(folder, during ? "during" : "after");
      const port = await freePorts();
      const example = during ? "pi" : "none";
      const words = ["--masters", "3", "--agents", "2", "--runtime", "process", "--example", example];
      const up = startTepui(["up", ...words, "--port", String(port), "--data-dir", directory]);
      if (during) await eventually("some tasks to be done", () => /\d+\/40/.test(up.stdout()));
      else await eventually("the cluster to be up", () => up.stdout().includes("The cluster stays up"));
      const before = await processesOf(directory);
      up.child.kill("SIGINT");
      const { code, stdout } = await up.ended;
      expect(before.length).toBeGreaterThanOrEqual(6);
      expect(stdout).toContain("Stopped; no task is left.");
      expect(await processesOf(directory)).toEqual([]);
      expect(code).toBe(during ? 130 : 0);
    },
  );

  test("members whose starter is killed end, and so do their tasks", async () => {
    const directory = join(folder, "orphaned");
    const words = ["--masters", "1", "--agents", "1", "--runtime", "process", "--example", "pi"];
    const up = startTepui(["up", ...words, "--port", String(await freePorts()), "--data-dir", directory]);
    await eventually("some tasks to be done", () => /\d+\/40/.test(up.stdout()));
    up.child.kill("SIGKILL");
    await eventually("all processes to be gone", async () => (await processesOf(directory)).length === 0);
  });
});
