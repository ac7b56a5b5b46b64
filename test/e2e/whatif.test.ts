// `tepui whatif` on a recorded member's log: tables, a picture, JSON, and what to do about wrong words.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tepui } from "../support/tepui.ts";

const LOG = fileURLToPath(new URL("../histories/v3", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-whatif-"));
});

afterAll(() => rm(folder, { recursive: true }));

test("a recorded log under plain DRF: tables, assumptions and a picture", async () => {
  const file = join(folder, "shares.svg");
  const words = ["whatif", "--log", LOG, "--from", "140", "--policy", "drf"];
  const { stdout, stderr, code } = await tepui([...words, "--svg", file]);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  expect(stdout).toContain(
    'Other policy: equal weights and no quotas, roleSorter "drf", frameworkSorter "drf".',
  );
  expect(stdout).toMatch(/ROLE +FRAMEWORK +STARTED +WAITING +MEAN WAIT +P99 WAIT +USED +OFFERED +OFFERS/);
  expect(stdout).toMatch(
    /Agents were offered at \d+ moments, at \d+ of them not to the same\. The first of these:\n {2}after /,
  );
  expect(stdout).toContain("What is assumed:");
  expect(stdout).toContain("Roles' shares are off by");
  expect(await readFile(file, "utf8")).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  const json = await tepui([...words, "--json"]);
  const report = JSON.parse(json.stdout) as { baseline: { rows: unknown[] }; from: number; until: number };
  expect(report.baseline.rows.length).toBeGreaterThan(0);
  expect(report.until).toBeGreaterThan(report.from);
});

test("what is asked wrongly says what to do", async () => {
  const told = async (...words: string[]) => {
    const { stderr, code } = await tepui(["whatif", ...words]);
    expect(code).toBe(1);
    return stderr;
  };
  expect(await told("--log", folder, "--from", "1", "--policy", "drf")).toContain(
    "give the data directory of a master",
  );
  expect(await told("--log", LOG, "--from", "999999", "--policy", "drf")).toMatch(
    /outside the log, which ends at entry \d+/,
  );
  expect(await told("--log", LOG, "--from", "97", "--weights", "nobody=2")).toMatch(
    /nobody is in the role "nobody".*roles there are/,
  );
  expect(await told("--log", LOG, "--from", "97")).toContain("Give --policy, --weights, --quota or a flag");
  expect(await told("--log", LOG, "--from", "97", "--quota", "dev=cpus:4/cpus:2")).toContain(
    "more cpus is guaranteed than the limit",
  );
});
