// The published package: what `npm pack` makes is installed in an empty folder and used from there, as its users do.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-package-"));
  await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root, env: environment() });
  const archive = (await readdir(folder)).find((name) => name.endsWith(".tgz")) ?? "";
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({ name: "user", private: true, type: "module" }),
  );
  await run("npm", ["install", "--silent", "--no-audit", "--no-fund", `./${archive}`], {
    cwd: folder,
    env: environment(),
  });
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** npm and the package's programs run with the Node that runs the test. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}` };
}

test("the installed command knows its version and explains itself", async () => {
  const tepui = join(folder, "node_modules", ".bin", "tepui");
  const { stdout: version } = await run(tepui, ["--version"], { env: environment() });
  expect(version.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  const { stdout: help } = await run(tepui, ["master", "--help"], { env: environment() });
  expect(help).toContain("--data-dir");
});

test("a framework author imports the SDK, with its types", async () => {
  const program =
    'import { Framework, runTasks } from "tepui/sdk"; console.log(typeof Framework, typeof runTasks);';
  await writeFile(join(folder, "framework.js"), program);
  const { stdout } = await run(process.execPath, [join(folder, "framework.js")], { env: environment() });
  expect(stdout.trim()).toBe("function function");
  const types = await readdir(join(folder, "node_modules", "tepui", "dist", "frameworks", "sdk"));
  expect(types).toContain("index.d.ts");
});

test("it holds no sources, tests or recordings", async () => {
  const held = await readdir(join(folder, "node_modules", "tepui"));
  expect(held.sort()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
    "README.md",
    "bin",
    "dist",
    "package.json",
  ]);
});
