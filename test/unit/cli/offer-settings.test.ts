// Flags about offers, in Mesos' forms.
import { expect, test } from "vitest";
import {
  type OfferFlags,
  offerSettings,
  parseBytes,
  parseMinimum,
  policyOfFlags,
} from "../../../src/cli/offer-settings.ts";
import { LISTED_ROLES_MAX } from "../../../src/state/limits.ts";
import { DEFAULT_POLICY } from "../../../src/state/policy.ts";

test("the least offer is alternatives of amounts", () => {
  expect(parseMinimum("cpus:0.01|mem:32")).toEqual([{ cpus: 10 }, { mem: 32_000 }]);
  expect(parseMinimum("cpus:1;mem:64| gpus:1")).toEqual([{ cpus: 1_000, mem: 64_000 }, { gpus: 1_000 }]);
  expect(parseMinimum("")).toEqual([]);
});

test("what is no amount is refused", () => {
  expect(() => parseMinimum("cpus")).toThrow("'cpus' is not of the form name:value");
  expect(() => parseMinimum("cpus:1|ports:[1-2]")).toThrow("ports must be a number");
});

test("sizes are in powers of 1,024", () => {
  expect(["4KB", "1B", "2MB", "1GB"].map(parseBytes)).toEqual([4_096, 1, 2 * 1_024 ** 2, 1_024 ** 3]);
  for (const text of ["4", "4kb", "-1KB", "1.5KB", ""]) expect(() => parseBytes(text), text).toThrow("4KB");
});

const flags: OfferFlags = {
  minAllocatableResources: "",
  roleSorter: "drf",
  frameworkSorter: "random",
  offerTimeout: 0,
  allocationInterval: 0.5,
  filterGpuResources: "false",
  offerConstraintsRe2MaxMem: "8KB",
  offerConstraintsRe2MaxProgramSize: 7,
};

test("listed roles are names of roles; none are listed unless it is asked for", () => {
  expect(policyOfFlags(flags).listedRoles).toBeNull();
  expect(policyOfFlags({ ...flags, roles: " eng/ads, dev,dev" }).listedRoles).toEqual(
    new Set(["eng/ads", "dev"]),
  );
  expect(policyOfFlags({ ...flags, roles: "" }).listedRoles).toEqual(new Set());
  expect(() => policyOfFlags({ ...flags, roles: "dev,/eng" })).toThrow("cannot start with a slash");
  const many = Array.from({ length: LISTED_ROLES_MAX + 1 }, (_, i) => `r${i}`).join(",");
  expect(() => policyOfFlags({ ...flags, roles: many })).toThrow(String(LISTED_ROLES_MAX));
});

test("the policy is that of the flags; no name is excluded from fair shares unless it is named", () => {
  expect(policyOfFlags(flags)).toEqual({
    ...DEFAULT_POLICY,
    minimum: [],
    frameworkSorter: "random",
    allocationIntervalMs: 500,
    filterGpuResources: false,
    regexLimits: { memoryBytes: 8_192, programSize: 7 },
  });
  const excluded = { ...flags, fairSharingExcludedResourceNames: "gpus, disk,,", offerTimeout: 2 };
  expect(policyOfFlags(excluded)).toMatchObject({
    fairShareExcluded: new Set(["gpus", "disk"]),
    offerTimeoutMs: 2_000,
  });
});

test("optimistic offers are made only if it is asked for; seconds may have fractions, and be none", () => {
  expect(policyOfFlags(flags).optimisticAfterMs).toBeNull();
  expect(policyOfFlags({ ...flags, optimisticOffersAfter: 0 }).optimisticAfterMs).toBe(0);
  expect(policyOfFlags({ ...flags, optimisticOffersAfter: 2.5 }).optimisticAfterMs).toBe(2_500);
  const parse = offerSettings.find(({ flags: words }) =>
    words.startsWith("--optimistic-offers-after"),
  )?.parse;
  expect(["0", "2.5", "60"].map((text) => parse?.(text, undefined))).toEqual([0, 2.5, 60]);
  for (const text of ["-1", "soon", "", "1e9"])
    expect(() => parse?.(text, undefined), text).toThrow("from 0 to");
});
