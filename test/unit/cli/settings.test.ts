// Where a setting comes from: flag, else environment, else config file, else default; and what is refused.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mastersSetting } from "../../../src/cli/common-settings.ts";
import { positiveNumber, type Setting, wholeNumber, withSettings } from "../../../src/cli/settings.ts";

const settings: readonly Setting[] = [
  mastersSetting,
  { flags: "--member <name>", description: "", default: ["a,1"], separator: ";" },
  { flags: "--port <n>", description: "", default: 1, parse: wholeNumber(0, 100) },
  { flags: "--log-level <level>", description: "", default: "info", choices: ["info", "warn"] },
  { flags: "--once", description: "" },
  { flags: "--work-dir <path>", description: "" },
];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "settings-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("TEPUI_")) delete process.env[name];
  }
});

async function config(content: unknown): Promise<string> {
  const file = join(folder, "config.json");
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

/** The settings that a run with these words sees. @throws CommanderError */
async function seen(...words: string[]): Promise<Record<string, unknown>> {
  let flags: Record<string, unknown> = {};
  const command = new Command("test").exitOverride().configureOutput({ writeErr: () => undefined });
  withSettings(command, settings).action((given: Record<string, unknown>) => {
    flags = given;
  });
  await command.parseAsync(words, { from: "user" });
  return flags;
}

test("the flag wins over the environment, that over the file, that over the default", async () => {
  expect(await seen()).toMatchObject({ port: 1, logLevel: "info" });
  const file = await config({ port: 2, "log-level": "warn" });
  expect(await seen("--config", file)).toMatchObject({ port: 2, logLevel: "warn" });
  process.env.TEPUI_CONFIG = file;
  process.env.TEPUI_PORT = "3";
  expect(await seen()).toMatchObject({ port: 3, logLevel: "warn" });
  expect(await seen("--port", "4", "--log-level", "info")).toMatchObject({ port: 4, logLevel: "info" });
});

test("lists: repeated flags add up, one value may hold several, the default goes once one is given", async () => {
  expect(await seen()).toMatchObject({ master: ["127.0.0.1:5050"], member: ["a,1"] });
  expect(await seen("--master", "a:1,b:2", "--master", "c:3")).toMatchObject({
    master: ["a:1", "b:2", "c:3"],
  });
  expect(await seen("--member", "a,1", "--member", "b,2;c,3")).toMatchObject({
    member: ["a,1", "b,2", "c,3"],
  });
  process.env.TEPUI_MASTER = "d:4,e:5";
  expect(await seen()).toMatchObject({ master: ["d:4", "e:5"] });
  expect(await seen("--master", "f:6")).toMatchObject({ master: ["f:6"] });
});

test("lists in the file are lists or texts", async () => {
  const list = await config({ master: ["a:1", "b:2"], member: "a,1;b,2" });
  expect(await seen("--config", list)).toMatchObject({ master: ["a:1", "b:2"], member: ["a,1", "b,2"] });
});

test("switches in environment and file say yes or no", async () => {
  expect((await seen()).once).toBeUndefined();
  for (const [text, value] of [
    ["true", true],
    ["1", true],
    ["false", false],
    ["0", false],
  ] as const) {
    process.env.TEPUI_ONCE = text;
    expect((await seen()).once, text).toBe(value);
  }
  process.env.TEPUI_ONCE = "false";
  expect((await seen("--once")).once).toBe(true);
  delete process.env.TEPUI_ONCE;
  expect((await seen("--config", await config({ once: true }))).once).toBe(true);
  expect((await seen("--config", await config({ once: false }))).once).toBe(false);
});

test.each([
  ["an unknown setting", { porrt: 1 }, /unknown setting "porrt"; known are .*port/],
  ["a value out of bounds", { port: 101 }, /"--port".*whole number from 0 to 100/],
  ["a choice that is none", { "log-level": "loud" }, /"--log-level".*info, warn/],
  ["a list where one value is wanted", { port: [1, 2] }, /takes one value/],
  ["a switch that is no boolean", { once: "yes" }, /true or false/],
  ["an object", { "work-dir": {} }, /text or a number/],
  ["a list as the whole", [], /holds no JSON object/],
  ["no JSON", "{", /cannot be read/],
])("the file is refused with %s", async (_, content, message) => {
  await expect(seen("--config", await config(content))).rejects.toThrow(message);
});

test("a file that is not there is refused", async () => {
  await expect(seen("--config", join(folder, "none.json"))).rejects.toThrow(/ENOENT/);
});

test("numbers are read to the letter", () => {
  const port = wholeNumber(1, 9);
  expect(port("7")).toBe(7);
  for (const text of ["0", "10", "1.5", "1e0", "-1", "", " 1", "x"]) expect(() => port(text), text).toThrow();
  expect(positiveNumber("0.125")).toBe(0.125);
  for (const text of ["0", "0.0001", "-1", "1e3", "", "x", "Infinity"]) {
    expect(() => positiveNumber(text), text).toThrow();
  }
});
