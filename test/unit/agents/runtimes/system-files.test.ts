import { describe, expect, test } from "vitest";
import { findAccount } from "../../../../src/agents/runtimes/accounts.ts";
import { findHierarchies } from "../../../../src/agents/runtimes/cgroup-mounts.ts";
import {
  cpuQuotaUs,
  cpuShares,
  cpuWeight,
  settingsFor,
} from "../../../../src/agents/runtimes/cgroup-settings.ts";
import { parseStat } from "../../../../src/agents/runtimes/proc.ts";
import { mayExecute } from "../../../../src/agents/runtimes/programs.ts";
import { waitStatusOfCode } from "../../../../src/agents/runtimes/wait-status.ts";

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:100::/home/ann:/bin/sh\nbroken:x:one:1:::\n\n";
const GROUP = "root:x:0:\nusers:x:100:\ndisk:x:6:bob,ann\naudio:x:29:ann\n";

describe("findAccount", () => {
  test.each([
    ["ann", { uid: 1000, gid: 100, groups: [6, 29, 100] }],
    ["1000", { uid: 1000, gid: 100, groups: [6, 29, 100] }],
    ["4711", { uid: 4711, gid: 0, groups: [0] }],
    ["ann:disk", { uid: 1000, gid: 6, groups: [6] }],
    ["4711:4712", { uid: 4711, gid: 4712, groups: [4712] }],
    ["eve", undefined],
    ["broken", undefined],
    ["ann:nogroup", undefined],
    ["", undefined],
    ["-1", undefined],
    ["4294967295", undefined],
  ])("%s", (user, account) => {
    expect(findAccount(user, PASSWD, GROUP)).toEqual(account);
  });
});

describe("findHierarchies", () => {
  const v1 = (name: string) =>
    `32 31 0:29 / /sys/fs/cgroup/${name} rw,relatime shared:9 - cgroup cgroup rw,${name}`;
  test("takes each controller of version 1 from its own tree, beside an empty version 2", () => {
    const mounts = ["22 1 8:1 / / rw - ext4 /dev/sda rw", v1("cpu"), v1("pids"), v1("memory")];
    const hybrid = [...mounts, "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"].join("\n");
    expect(findHierarchies(hybrid, () => "hugetlb\n")).toEqual([
      { version: 1, mount: "/sys/fs/cgroup/cpu", controllers: ["cpu"] },
      { version: 1, mount: "/sys/fs/cgroup/memory", controllers: ["memory"] },
    ]);
  });
  test("takes both from version 2, and undoes the kernel's escapes in the path", () => {
    const mountinfo = "41 31 0:38 / /sys/fs/my\\040cgroup rw - cgroup2 cgroup2 rw,nsdelegate";
    expect(findHierarchies(mountinfo, () => "cpuset cpu io memory pids\n")).toEqual([
      { version: 2, mount: "/sys/fs/my cgroup", controllers: ["cpu", "memory"] },
    ]);
  });
  test("finds nothing where there is nothing", () => {
    expect(findHierarchies("", () => "")).toEqual([]);
  });
});

describe("cgroup settings", () => {
  const both = { mount: "/", controllers: ["cpu", "memory"] } as const;
  const limits = { cpuMillis: 1500, cpuHard: true, memoryBytes: 1024 };
  const lines = (version: 1 | 2, of: typeof limits) =>
    settingsFor({ ...both, version }, of).map(({ file, value }) => `${file}=${value}`);
  test("version 1", () => {
    expect(lines(1, limits)).toEqual([
      "cpu.shares=1536",
      "cpu.cfs_period_us=100000",
      "cpu.cfs_quota_us=150000",
      "memory.limit_in_bytes=1024",
      "memory.memsw.limit_in_bytes=1024",
    ]);
  });
  test("version 2", () => {
    expect(lines(2, limits)).toEqual([
      "cpu.weight=59",
      "cpu.max=150000 100000",
      "memory.max=1024",
      "memory.swap.max=0",
      "memory.oom.group=1",
    ]);
  });
  test("no limit writes nothing, a soft one no quota", () => {
    expect(lines(1, { cpuMillis: 0, cpuHard: true, memoryBytes: 0 })).toEqual([]);
    expect(lines(2, { cpuMillis: 1000, cpuHard: false, memoryBytes: 0 })).toEqual(["cpu.weight=39"]);
  });
  test("stays within what the kernel takes", () => {
    expect([cpuShares(1), cpuShares(1e9)]).toEqual([2, 262_144]);
    expect([cpuWeight(2), cpuWeight(262_144)]).toEqual([1, 10_000]);
    expect(cpuQuotaUs(1)).toBe(1000);
  });
});

test("parseStat reads past a name with spaces and parentheses", () => {
  const line =
    "10097 (a ) R) (b) S 10096 10090 4144 0 -1 4194368 22 0 0 0 0 0 0 0 20 0 1 0 139528 2654208 137";
  expect(parseStat(line)).toEqual({
    pid: 10097,
    state: "S",
    processGroup: 10090,
    session: 4144,
    startTicks: "139528",
  });
  expect(parseStat("")).toBeUndefined();
});

test.each([
  [{ mode: 0o755, uid: 0, gid: 0 }, true],
  [{ mode: 0o744, uid: 0, gid: 0 }, false],
  [{ mode: 0o070, uid: 1, gid: 1 }, false],
  [{ mode: 0o654, uid: 0, gid: 2 }, true],
])("mayExecute %j", (file, expected) => {
  expect(mayExecute(file, { uid: 1, gid: 1, groups: [1, 2] })).toBe(expected);
});

test.each([
  [0, 0],
  [7, 7 * 256],
  [128, 128 * 256],
  [137, 9],
  [143, 15],
  [192, 64],
  [193, 193 * 256],
  [255, 255 * 256],
])("waitStatusOfCode(%i)", (code, status) => {
  expect(waitStatusOfCode(code)).toBe(status);
});
