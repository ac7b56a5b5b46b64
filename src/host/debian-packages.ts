// Installs the Debian packages that a command needs and that are missing, saying what it does.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

/**
 * Returns at once if all are there. Otherwise needs root and apt-get; rejects with an Error that says what to install
 * by hand. Progress goes to standard error.
 */
export async function ensureDebianPackages(names: readonly string[]): Promise<void> {
  const missing = await missingPackages(names);
  if (missing.length === 0) return;
  const byHand = `apt-get install ${missing.join(" ")}`;
  if (process.getuid?.() !== 0) throw new Error(`missing Debian packages; as root run: ${byHand}`);
  process.stderr.write(`Installing Debian packages: ${missing.join(", ")}\n`);
  const install = ["install", "--yes", "--no-install-recommends", ...missing];
  if ((await aptGet(install)) === 0) return;
  process.stderr.write("The package lists may be old; updating them\n");
  await aptGet(["update"]);
  if ((await aptGet(install)) !== 0) throw new Error(`apt-get failed; install by hand: ${byHand}`);
}

/** Those that dpkg does not know as installed. */
export async function missingPackages(names: readonly string[]): Promise<readonly string[]> {
  const installed = await Promise.all(names.map(isInstalled));
  return names.filter((_name, i) => installed[i] === false);
}

async function isInstalled(name: string): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)("dpkg", ["--status", name]);
    return /^Status: .* ok installed$/m.test(stdout);
  } catch {
    return false;
  }
}

/** Its exit code. Installed services are not started: what needs one starts its own. */
async function aptGet(args: readonly string[]): Promise<number> {
  const child = spawn("apt-get", ["--quiet", ...args], {
    stdio: ["ignore", 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
  });
  const [code] = await once(child, "exit");
  return code === 0 ? 0 : 1;
}
