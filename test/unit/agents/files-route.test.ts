// Sandbox files over HTTP, as frameworks read them, and what is not shown.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { filesRoute } from "../../../src/agents/edge/files-route.ts";
import { readSandboxFile } from "../../../src/frameworks/sdk/index.ts";

const RUN = "/frameworks/f/executors/e/runs/latest";
let folder: string;
let sandbox: string;
let server: Server;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "files-"));
  sandbox = join(folder, "slaves", "agent", RUN);
  await mkdir(sandbox, { recursive: true });
  await writeFile(join(folder, "secret"), "secret");
  server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    void filesRoute(folder, path, request, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  await rm(folder, { recursive: true });
});

function agent(): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function get(path: string, query: Record<string, string>): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://${agent()}${path}?${new URLSearchParams(query)}`);
  return { status: response.status, body: await response.text() };
}

test("a framework reads a file from any byte on, by the virtual path", async () => {
  await writeFile(join(sandbox, "stdout"), "0123456789");
  const place = { agent: agent(), path: RUN };
  expect((await readSandboxFile(place, "stdout")).toString()).toBe("0123456789");
  expect((await readSandboxFile(place, "stdout", 7)).toString()).toBe("789");
  expect((await readSandboxFile(place, "stdout", 10)).toString()).toBe("");
  await expect(readSandboxFile(place, "stderr")).rejects.toThrow("404");
});

test("pieces as JSON, by the path on disk; offset -1 asks for the size", async () => {
  const path = join(sandbox, "stdout");
  await writeFile(path, "0123456789");
  const read = async (query: Record<string, string>) => get("/files/read", { path, ...query });
  expect(JSON.parse((await read({ offset: "2", length: "3" })).body)).toEqual({ data: "234", offset: 2 });
  expect(JSON.parse((await read({ offset: "-1" })).body)).toEqual({ data: "", offset: 10 });
  expect(JSON.parse((await read({ offset: "99", length: "1" })).body)).toEqual({ data: "", offset: 99 });
  for (const query of [{ offset: "x" }, { offset: "-2" }, { offset: "0", length: "-2" }]) {
    expect((await read(query)).status).toBe(400);
  }
});

test("links within the sandboxes are followed, those that lead out are not, nor is what is no file", async () => {
  await writeFile(join(sandbox, "file"), "inside");
  await symlink(join(sandbox, "file"), join(sandbox, "in"));
  await symlink(join(folder, "secret"), join(sandbox, "out"));
  await symlink(folder, join(sandbox, "folder"));
  const download = (path: string) => get("/files/download", { path });
  expect(await download(join(sandbox, "in"))).toEqual({ status: 200, body: "inside" });
  for (const path of ["out", "folder/secret", "folder", ".", "../../../../../../secret"]) {
    expect((await download(join(sandbox, path))).status, path).toBe(404);
    expect((await download(`${RUN}/${path}`)).status, path).toBe(404);
  }
  expect((await download(join(folder, "secret"))).status).toBe(404);
});

test("a task that swaps a folder for a link while we look gets nothing from outside the sandbox", async () => {
  await mkdir(join(sandbox, "real"));
  await writeFile(join(sandbox, "real", "secret"), "inside");
  const swapping = spawn(process.execPath, ["-e", SWAP, sandbox, folder], { stdio: "inherit" });
  try {
    const seen = new Set<string>();
    while (!seen.has("inside") || seen.size < 2 || swapping.exitCode === null) {
      const path = join(sandbox, "swapped", "secret");
      const { status, body } = await get("/files/download", { path });
      seen.add(status === 200 ? body : String(status));
    }
    expect([...seen].sort()).toEqual(["404", "inside"]);
  } finally {
    swapping.kill("SIGKILL");
  }
});

/** Swaps without a pause for two seconds, from a process of its own: no look of ours is safe from it. */
const SWAP = `
  const { renameSync } = require("node:fs");
  const { join } = require("node:path");
  const [sandbox, outside] = process.argv.slice(1);
  require("node:fs").symlinkSync(outside, join(sandbox, "link"));
  const end = Date.now() + 2000;
  const swap = (from, to) => renameSync(join(sandbox, from), join(sandbox, to));
  while (Date.now() < end) {
    swap("real", "swapped");
    swap("swapped", "real");
    swap("link", "swapped");
    swap("swapped", "link");
  }
  swap("real", "swapped");
`;
