// Where the kernel's cgroup controllers are mounted. A machine has them in version 1 (a tree per controller), version 2
// (one tree), or some in each; every controller is looked up for itself.

export type Controller = "cpu" | "memory";
export const CONTROLLERS: readonly Controller[] = ["cpu", "memory"];

export interface Hierarchy {
  readonly version: 1 | 2;
  /** Where its root is mounted. */
  readonly mount: string;
  readonly controllers: readonly Controller[];
}

/**
 * The hierarchies that hold our controllers.
 * @param mountinfo text of /proc/self/mountinfo
 * @param unifiedControllers text of cgroup.controllers at a version 2 mount
 */
export function findHierarchies(
  mountinfo: string,
  unifiedControllers: (mount: string) => string,
): readonly Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const mount of parseCgroupMounts(mountinfo)) {
    const names = mount.type === "cgroup" ? mount.options : unifiedControllers(mount.path).trim().split(" ");
    const taken = found.flatMap((hierarchy) => hierarchy.controllers);
    const controllers = CONTROLLERS.filter((name) => names.includes(name) && !taken.includes(name));
    if (controllers.length === 0) continue;
    found.push({ version: mount.type === "cgroup" ? 1 : 2, mount: mount.path, controllers });
  }
  return found;
}

export interface CgroupMount {
  readonly type: "cgroup" | "cgroup2";
  readonly path: string;
  readonly options: readonly string[];
}

/** All cgroup mounts, out of the lines of proc_pid_mountinfo(5): `… root path options … - type source superoptions`. */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ", 2);
    const [type, , options = ""] = right.split(" ");
    const path = left.split(" ")[4];
    if (path === undefined || (type !== "cgroup" && type !== "cgroup2")) return [];
    return [{ type, path: unescapeOctal(path), options: options.split(",") }];
  });
}

function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_match, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
