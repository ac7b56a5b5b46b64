import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ContainerSpec } from "../../../../src/agents/runtime.ts";
import { checkSpec } from "../../../../src/agents/runtimes/check-spec.ts";
import { parseExit, parseStarted } from "../../../../src/agents/runtimes/process/bookkeeping.ts";
import { quote, shimScript } from "../../../../src/agents/runtimes/process/shim-script.ts";
import { asId } from "../../../../src/kernel/ids.ts";

describe("shimScript", () => {
  const options = {
    folder: "/books/it's",
    cgroups: ["/sys/fs/cgroup/cpu/tepui/a"],
    setsid: "/usr/bin/setsid",
    env: "/usr/bin/env",
    environment: { PATH: "/bin", "a.b": "c", PWD: "/x" },
    argv: ["/bin/echo", "hi there"],
  };
  test("is a script that the shell understands", () => {
    expect(() => execFileSync("/bin/sh", ["-n", "-c", shimScript(options)])).not.toThrow();
  });
  test("sets by env what a shell would swallow or change, and the rest itself", () => {
    const script = shimScript(options);
    expect(script).toContain("export PATH='/bin'\n");
    expect(script).toContain(
      "exec '/usr/bin/setsid' '/usr/bin/env' 'a.b=c' 'PWD=/x' '/bin/echo' 'hi there'\n",
    );
  });
  test("becomes another user with that user's groups", () => {
    const account = { uid: 7, gid: 8, groups: [8, 9] };
    const script = shimScript({ ...options, environment: {}, become: { setpriv: "/sp", account } });
    expect(script).toContain("'/sp' '--reuid=7' '--regid=8' '--groups=8,9' '--' '/bin/echo'");
  });
  test("quote gives the shell any text unchanged", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), (words) => {
        const output = execFileSync("/bin/sh", ["-c", `printf '%s\\0' begin ${words.map(quote).join(" ")}`]);
        expect(output.toString("utf8").split("\0").slice(1, -1)).toEqual(words);
      }),
      { numRuns: 50 },
    );
  });
});

describe("files of the shim", () => {
  const stat = (pid: number) => `${pid} (sh) S 1 ${pid} ${pid} 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5${pid} 0 0`;
  test("started holds the command and the shim, once it is whole", () => {
    const text = `${stat(12)}\n${stat(11)}\n`;
    expect(parseStarted(text)).toEqual({
      command: { pid: 12, startTicks: "512" },
      shim: { pid: 11, startTicks: "511" },
    });
    expect(parseStarted(text.slice(0, -1))).toBeUndefined();
    expect(parseStarted("")).toBeUndefined();
    expect(parseStarted(undefined)).toBeUndefined();
  });
  test("exit holds a code", () => {
    expect(parseExit("137\n")).toBe(137);
    for (const text of ["137", "", "x\n", undefined]) expect(parseExit(text)).toBeUndefined();
  });
});

describe("checkSpec", () => {
  const good: ContainerSpec = {
    id: asId("a-1"),
    argv: ["true"],
    environment: { A: "b" },
    sandbox: "/s",
    sandboxMount: "/m",
    limits: { cpuMillis: 0, cpuHard: false, memoryBytes: 0 },
  };
  test("accepts what can run", () => {
    expect(() => checkSpec(good)).not.toThrow();
  });
  test.each<[string, Partial<ContainerSpec>]>([
    ["an id that leaves its folder", { id: asId("../x") }],
    ["an empty command", { argv: [] }],
    ["a relative sandbox", { sandbox: "s" }],
    ["a variable name with =", { environment: { "A=B": "" } }],
    ["a NUL byte", { argv: ["a\0b"] }],
    ["an endless command", { argv: ["x".repeat(2_000_000)] }],
  ])("refuses %s", (_title, change) => {
    expect(() => checkSpec({ ...good, ...change })).toThrow(
      expect.objectContaining({ code: "launch-failed" }),
    );
  });
});
