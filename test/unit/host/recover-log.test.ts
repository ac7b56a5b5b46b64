// A surviving log becomes a cluster of one: what is said beforehand is true, nothing is changed before it is backed up,
// and what was there stays there.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createNodeDisk } from "../../../src/host/node-disk.ts";
import { recoverAlone, surveySurvivor } from "../../../src/host/recover-log.ts";
import { verifyLog } from "../../../src/host/verify-log.ts";
import { asId, type MemberId } from "../../../src/kernel/ids.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { openLog } from "../../../src/log/index.ts";
import { decodeMembershipEntry } from "../../../src/raft/index.ts";

const self = asId<MemberId>("m1");
const contact = { raftAddress: "h:1", apiAddress: "h:2" };
let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-recover-"));
  await cp(join(import.meta.dirname, "../../histories/v2"), folder, { recursive: true });
});

afterEach(() => rm(folder, { recursive: true }));

async function contentOf(directory: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) Object.assign(all, prefixed(entry.name, await contentOf(path)));
    else all[entry.name] = (await readFile(path)).toString("base64");
  }
  return all;
}

function prefixed(name: string, all: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [`${name}/${key}`, value]));
}

/** Through the log's own opening, as a master's next start would. */
async function reopened() {
  const { log, hardState, entries, snapshot } = await openLog({
    disk: createNodeDisk(folder),
    directory: "log",
  });
  await log.close();
  const last = entries.at(-1);
  return {
    hardState,
    last,
    snapshot,
    membership: last === undefined ? null : decodeMembershipEntry(last.payload),
  };
}

it("says what is there, and changes nothing by it", async () => {
  const before = await contentOf(join(folder, "log"));
  const survivor = await surveySurvivor(folder);
  expect(survivor).toMatchObject({ lastIndex: 268, lastTerm: 3, damage: [] });
  expect(survivor.committedIndex).toBeGreaterThanOrEqual(151);
  expect(survivor.membership?.voters).toEqual(["m1", "m2"]);
  expect(survivor.frameworks).toBeGreaterThan(0);
  expect(survivor.agents).toBeGreaterThan(0);
  expect(await contentOf(join(folder, "log"))).toEqual(before);
});

it("makes the member the only voter in a higher term, after a backup", async () => {
  const before = await contentOf(join(folder, "log"));
  const old = (await surveySurvivor(folder)).membership?.groupId;
  const { index, term, groupId, backup } = await recoverAlone(folder, self, contact, seededRandom("recover"));
  expect([index, term]).toEqual([269, 4]);
  expect(await contentOf(backup)).toEqual(before);
  const { hardState, last, membership } = await reopened();
  expect(hardState).toEqual({ term: 4, votedFor: self, healing: false });
  expect([last?.index, last?.term]).toEqual([269, 4]);
  const nobody = { outgoing: [], learners: [] };
  expect(membership).toEqual({ voters: [self], ...nobody, contacts: { [self]: contact }, groupId });
  expect(groupId).toMatch(/^[0-9a-f]{32}$/);
  expect(groupId).not.toBe(old);
  expect((await verifyLog(folder)).problems).toEqual([]);
  expect(await contentOf(backup)).toEqual(before);
});

it("goes on from what comes before damage, which it names first", async () => {
  const name = (await readdir(join(folder, "log"))).find((each) => each.endsWith(".log")) as string;
  const path = join(folder, "log", name);
  const bytes = await readFile(path);
  bytes[60_000] = (bytes[60_000] as number) ^ 1;
  await writeFile(path, bytes);
  const survivor = await surveySurvivor(folder);
  expect(survivor.damage).toEqual([expect.stringContaining(name)]);
  expect(survivor.lastIndex).toBeLessThan(268);
  const { index, backup } = await recoverAlone(folder, self, contact, seededRandom("recover"));
  expect(index).toBe(survivor.lastIndex + 1);
  expect(Buffer.compare(await readFile(join(backup, name)), bytes)).toBe(0);
  expect(await reopened()).toMatchObject({ hardState: { healing: false }, membership: { voters: [self] } });
});

it("goes on from the snapshot before one that is damaged", async () => {
  const before = await surveySurvivor(folder);
  const damaged = "000000000000010c-0000000000000003.snap";
  await writeFile(join(folder, "log", damaged), "no snapshot");
  const survivor = await surveySurvivor(folder);
  expect(survivor).toEqual({ ...before, damage: [expect.stringContaining(damaged)] });
  expect((await recoverAlone(folder, self, contact, seededRandom("recover"))).index).toBe(
    before.lastIndex + 1,
  );
  expect((await reopened()).snapshot?.index).toBe(151);
});

it("refuses if no good snapshot leads up to the entries, which would all be dropped", async () => {
  const only = (await readdir(join(folder, "log"))).find((each) => each.endsWith(".snap")) as string;
  await writeFile(join(folder, "log", only), "no snapshot");
  await expect(surveySurvivor(folder)).rejects.toThrow(only);
});

it("has nothing to do without entries", async () => {
  await rm(join(folder, "log"), { recursive: true });
  await expect(surveySurvivor(folder)).rejects.toThrow("no log");
});
