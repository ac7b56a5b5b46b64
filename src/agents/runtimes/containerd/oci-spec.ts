// The OCI runtime configuration of a container: own process ids, mounts, IPC and host name, the host's network, the
// capabilities that container runtimes commonly grant, and the sandbox mounted from the host.
import type { ContainerLimits, VolumeMount } from "../../runtime.ts";
import type { Account } from "../accounts.ts";
import { cpuQuotaUs, cpuShares } from "../cgroup-settings.ts";
import { CFS_PERIOD_US } from "../limits.ts";

export interface OciOptions {
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly account: Account;
  /** Host path and path in the container of the sandbox; the latter is the working directory. */
  readonly sandbox: string;
  readonly sandboxMount: string;
  /** Persistent volumes; those with a relative target are seen in the sandbox. */
  readonly volumes: readonly VolumeMount[];
  /** Files of the host's name resolution that exist. */
  readonly hostFiles: readonly string[];
  /** Path below the cgroup roots, beginning with a slash. */
  readonly cgroupPath: string;
  readonly limits: ContainerLimits;
  /** Whether this kernel limits swap per cgroup. */
  readonly limitSwap: boolean;
  readonly cgroupVersion: 1 | 2;
  /** The agent's own: going below needs a capability that a contained agent may lack. */
  readonly agentOomScoreAdj: number;
}

export const OCI_SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

/** Makes a task a likelier victim than the agent when the machine itself is out of memory. */
const TASK_OOM_SCORE_ADJ = 100;

const CAPABILITIES = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/sys/firmware",
];

const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** The configuration as JSON bytes. */
export function ociSpec(options: OciOptions): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      ociVersion: "1.0.2",
      process: processOf(options),
      root: { path: "rootfs", readonly: false },
      mounts: mountsOf(options),
      linux: {
        namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
        cgroupsPath: options.cgroupPath,
        resources: resourcesOf(options),
        maskedPaths: MASKED_PATHS,
        readonlyPaths: READONLY_PATHS,
      },
    }),
  );
}

function processOf({ argv, env, account, sandboxMount, agentOomScoreAdj }: OciOptions): object {
  return {
    terminal: false,
    user: { uid: account.uid, gid: account.gid, additionalGids: account.groups },
    args: argv,
    env,
    cwd: sandboxMount,
    capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
    noNewPrivileges: true,
    oomScoreAdj: Math.max(agentOomScoreAdj, TASK_OOM_SCORE_ADJ),
  };
}

function mountsOf({ sandbox, sandboxMount, volumes, hostFiles }: OciOptions): object[] {
  const strict = ["nosuid", "noexec", "nodev"];
  const mount = (destination: string, type: string, source: string, options: readonly string[]) => ({
    destination,
    type,
    source,
    options,
  });
  return [
    mount("/proc", "proc", "proc", strict),
    mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    mount("/dev/pts", "devpts", "devpts", [
      "nosuid",
      "noexec",
      "newinstance",
      "ptmxmode=0666",
      "mode=0620",
      "gid=5",
    ]),
    mount("/dev/shm", "tmpfs", "shm", [...strict, "mode=1777", "size=65536k"]),
    mount("/dev/mqueue", "mqueue", "mqueue", strict),
    mount("/sys", "sysfs", "sysfs", [...strict, "ro"]),
    ...hostFiles.map((path) => mount(path, "bind", path, ["rbind", "ro"])),
    mount(sandboxMount, "bind", sandbox, ["rbind", "rw"]),
    ...volumes.map(({ source, target, readOnly }) => {
      const destination = target.startsWith("/") ? target : `${sandboxMount}/${target}`;
      return mount(destination, "bind", source, ["rbind", readOnly ? "ro" : "rw"]);
    }),
  ];
}

function resourcesOf({ limits, limitSwap, cgroupVersion }: OciOptions): object {
  const { cpuMillis, cpuHard, memoryBytes } = limits;
  const hard = cpuHard ? { quota: cpuQuotaUs(cpuMillis), period: CFS_PERIOD_US } : {};
  const swap = limitSwap ? { swap: memoryBytes } : {};
  const whole = cgroupVersion === 2 ? { unified: { "memory.oom.group": "1" } } : {};
  return {
    devices: [{ allow: false, access: "rwm" }],
    ...(cpuMillis > 0 ? { cpu: { shares: cpuShares(cpuMillis), ...hard } } : {}),
    ...(memoryBytes > 0 ? { memory: { limit: memoryBytes, ...swap }, ...whole } : {}),
  };
}

/** The image's variables, overridden by the task's, in a stable order. */
export function mergeEnvironment(
  image: readonly string[],
  task: Readonly<Record<string, string>>,
): readonly string[] {
  const merged = new Map<string, string>();
  for (const pair of image) merged.set(pair.split("=", 1)[0] ?? "", pair);
  for (const [name, value] of Object.entries(task)) merged.set(name, `${name}=${value}`);
  return [...merged.values()];
}
