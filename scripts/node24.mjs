// Runs a script under a Node that strips types (24 or newer): this one if it is new enough, otherwise a pinned Node
// that npm brings into node_modules/.node24. Plain JavaScript, because the Node that starts it may be old.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const MAJOR_MIN = 24;
const PINNED_VERSION = "24.21.0";
const root = join(import.meta.dirname, "..");

function pinnedNode() {
  const packageName = `node-${process.platform}-${process.arch}`;
  const prefix = join(root, "node_modules", ".node24");
  const binary = join(prefix, "node_modules", packageName, "bin", "node");
  if (existsSync(binary)) return binary;
  process.stderr.write(
    `Node ${process.versions.node} cannot run TypeScript; installing ${packageName}@${PINNED_VERSION} …\n`,
  );
  const install = [
    "install",
    "--no-save",
    "--silent",
    "--prefix",
    prefix,
    `${packageName}@${PINNED_VERSION}`,
  ];
  const done = spawnSync("npm", install, { stdio: ["ignore", "ignore", "inherit"], cwd: root });
  if (done.status !== 0 || !existsSync(binary)) {
    process.stderr.write(
      `Could not install Node ${PINNED_VERSION}. Install Node ${MAJOR_MIN} or newer and run this again.\n`,
    );
    process.exit(1);
  }
  return binary;
}

const major = Number(process.versions.node.split(".")[0]);
const node = major >= MAJOR_MIN ? process.execPath : pinnedNode();
const child = spawn(node, ["--disable-warning=ExperimentalWarning", ...process.argv.slice(2)], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  // The terminal sends Ctrl-C to the whole group; the child decides when it is done.
  process.on(signal, () => signal === "SIGINT" || child.kill(signal));
}
child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 128 + 15));
