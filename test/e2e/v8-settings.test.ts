// A real master sets V8's flags as it starts, however it is started, and leaves alone what the user has set.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const main = join(root, "src/cli/main.ts");
const BYTE_ARRAYS = "--external-memory-accounted-in-global-limit";
const YOUNG = "--no-allocation-site-pretenuring";
const OURS = `--memory-reducer-gc-count=0 ${BYTE_ARRAYS} ${YOUNG}`;

/** One that the system gives, and that is free again. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** What the master says of V8 in its log; it is ended by SIGTERM after that. */
async function flagsOf(command: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const folder = await mkdtemp(join(tmpdir(), "tepui-v8-"));
  const [raft, api] = [await freePort(), await freePort()];
  const member = `m1=127.0.0.1:${raft},127.0.0.1:${api}`;
  const words = ["master", "--member", member, "--data-dir", folder, "--log-format", "json"];
  const child = spawn(process.execPath, [...command, ...words], {
    stdio: ["ignore", "inherit", "pipe"],
    env: { ...process.env, ...env },
  });
  const ended = once(child, "exit");
  let flags: unknown;
  for await (const line of createInterface(child.stderr)) {
    const said = JSON.parse(line) as { readonly msg?: string; readonly flags?: unknown };
    if (said.msg === "v8 settings") flags = said.flags;
    if (said.msg === "master started") child.kill("SIGTERM");
  }
  const [code] = await ended;
  await rm(folder, { recursive: true });
  return { flags, code };
}

test("by Node itself and by the script that finds a Node", async () => {
  for (const command of [[main], [join(root, "scripts/node24.mjs"), main]]) {
    expect(await flagsOf(command)).toEqual({ flags: OURS, code: 0 });
  }
}, 60_000);

test("flags of the user win, on the command line and in the environment", async () => {
  expect((await flagsOf(["--no-memory-reducer", main])).flags).toBe(`${BYTE_ARRAYS} ${YOUNG}`);
  expect((await flagsOf([main], { NODE_OPTIONS: "--max-old-space-size=3000" })).flags).toBe(OURS);
}, 60_000);
