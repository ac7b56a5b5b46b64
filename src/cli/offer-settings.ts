// Flags of a master about what is offered to whom, in the words and forms of Mesos' flags.
import { InvalidArgumentError } from "commander";
import { type Minimum, parse, type RegexLimits, type Sorter } from "../allocator/index.ts";
import { parseListedRoles } from "../host/listed-roles.ts";
import { DEFAULT_POLICY, type Policy, policyOf } from "../state/policy.ts";
import { positiveNumber, type Setting, wholeNumber } from "./settings.ts";

const SECONDS_MAX = 10_000_000;
const ALLOCATION_INTERVAL_SECONDS_MIN = 0.05;

export interface OfferFlags {
  readonly minAllocatableResources: string;
  readonly fairSharingExcludedResourceNames?: string;
  readonly whitelist?: string;
  readonly roleSorter: Sorter;
  readonly frameworkSorter: Sorter;
  readonly offerTimeout: number;
  readonly allocationInterval: number;
  readonly optimisticOffersAfter?: number;
  readonly filterGpuResources: "true" | "false";
  readonly roles?: string;
  readonly offerConstraintsRe2MaxMem: string;
  readonly offerConstraintsRe2MaxProgramSize: number;
}

export const offerSettings: readonly Setting[] = [
  {
    flags: "--offer-timeout <seconds>",
    description: "offers not answered by then are rescinded; seconds, 0 for never",
    default: 0,
    parse: wholeNumber(0, SECONDS_MAX),
  },
  {
    flags: "--allocation-interval <seconds>",
    description:
      "from one round of offers to the next that nothing asks for; a declined offer is kept back at least so long; seconds",
    default: 1,
    parse: (text) => checkedInterval(positiveNumber(text)),
  },
  {
    flags: "--optimistic-offers-after <seconds>",
    description:
      "a framework that has had no offer for so long is shown what others hold without using it, and an offer held so long is shown to others; the first ACCEPT wins; seconds, 0 for at once",
    defaultText: "never",
    parse: checkedPatience,
  },
  {
    flags: "--min-allocatable-resources <text>",
    description: 'an offer holds all of one of these; "|" between alternatives, "" for no minimum',
    default: "cpus:0.01|mem:32",
    parse: (text) => checked(text, parseMinimum),
  },
  {
    flags: "--fair-sharing-excluded-resource-names <names>",
    description: "resources that do not count in dominant shares; separated by commas",
    defaultText: "none",
  },
  {
    flags: "--whitelist <path>",
    description:
      "only agents of the hosts in this file, a name a line, are offered; it is read every 5 seconds",
    defaultText: "all agents",
  },
  {
    flags: "--roles <names>",
    description: 'roles that frameworks may be in, beside "*"; separated by commas',
    defaultText: "all roles",
    parse: (text) => checked(text, parseRoles),
  },
  {
    flags: "--role-sorter <name>",
    description: "which role is next: drf, or random by weight",
    default: "drf",
    parse: parseSorter,
  },
  {
    flags: "--framework-sorter <name>",
    description: "which framework of a role is next: drf or random",
    default: "drf",
    parse: parseSorter,
  },
  {
    flags: "--filter-gpu-resources <boolean>",
    description: "agents with GPUs are offered to frameworks with the GPU_RESOURCES capability only",
    choices: ["true", "false"],
    default: "true",
  },
  {
    flags: "--offer-constraints-re2-max-mem <size>",
    description: "memory for one regular expression in offer constraints",
    default: "4KB",
    parse: (text) => checked(text, parseBytes),
  },
  {
    flags: "--offer-constraints-re2-max-program-size <number>",
    description: "instructions of one regular expression in offer constraints",
    default: 100,
    parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  },
];

/** What a master's flags say; the whitelist is its file's. */
export function policyOfFlags(flags: OfferFlags): Policy {
  return policyOf(settingsGiven(flags));
}

/** The settings of the flags that are there; the whitelist is its file's. */
export function settingsGiven(flags: Partial<OfferFlags>): Partial<Policy> {
  const settings: { [Name in keyof Policy]: Policy[Name] | undefined } = {
    minimum: ifGiven(flags.minAllocatableResources, parseMinimum),
    fairShareExcluded: ifGiven(flags.fairSharingExcludedResourceNames, parseNames),
    roleSorter: flags.roleSorter,
    frameworkSorter: flags.frameworkSorter,
    whitelist: undefined,
    offerTimeoutMs: ifGiven(flags.offerTimeout, (seconds) => (seconds === 0 ? null : seconds * 1_000)),
    allocationIntervalMs: ifGiven(flags.allocationInterval, (seconds) => Math.round(seconds * 1_000)),
    optimisticAfterMs: ifGiven(flags.optimisticOffersAfter, (seconds) => Math.round(seconds * 1_000)),
    listedRoles: ifGiven(flags.roles, parseRoles),
    filterGpuResources: ifGiven(flags.filterGpuResources, (text) => text === "true"),
    regexLimits: regexLimits(flags),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function ifGiven<Given, Value>(given: Given | undefined, read: (given: Given) => Value): Value | undefined {
  return given === undefined ? undefined : read(given);
}

function parseNames(text: string): ReadonlySet<string> {
  const names = text.split(",").map((name) => name.trim());
  return new Set(names.filter((name) => name !== ""));
}

function checkedInterval(seconds: number): number {
  if (seconds >= ALLOCATION_INTERVAL_SECONDS_MIN && seconds <= SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`It must be from ${ALLOCATION_INTERVAL_SECONDS_MIN} to ${SECONDS_MAX}.`);
}

function checkedPatience(text: string): number {
  const seconds = text.trim() === "" ? Number.NaN : Number(text);
  if (seconds >= 0 && seconds <= SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`It must be from 0 to ${SECONDS_MAX}.`);
}

/** @throws InvalidArgumentError that says what is wrong */
function parseRoles(text: string): ReadonlySet<string> {
  try {
    return parseListedRoles(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function parseSorter(text: string): Sorter {
  if (text === "drf" || text === "random") return text;
  throw new InvalidArgumentError("It must be drf or random.");
}

function regexLimits(flags: Partial<OfferFlags>): RegexLimits | undefined {
  const { offerConstraintsRe2MaxMem: memory, offerConstraintsRe2MaxProgramSize: size } = flags;
  if (memory === undefined && size === undefined) return undefined;
  const { memoryBytes, programSize } = DEFAULT_POLICY.regexLimits;
  return {
    memoryBytes: memory === undefined ? memoryBytes : parseBytes(memory),
    programSize: size ?? programSize,
  };
}

/** @throws InvalidArgumentError that says what is wrong */
export function parseMinimum(text: string): Minimum {
  return text
    .split("|")
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const resources = parse(part);
      if (!resources.ok) throw new InvalidArgumentError(`${resources.error}.`);
      const amounts = resources.value.map(({ name, value }) => {
        if (value.kind !== "scalar") throw new InvalidArgumentError(`${name} must be a number.`);
        return [name, value.millis] as const;
      });
      return Object.fromEntries(amounts);
    });
}

/** @throws InvalidArgumentError that says what is wrong */
export function parseBytes(text: string): number {
  const match = /^(\d{1,9})(B|KB|MB|GB)$/.exec(text.trim());
  if (match === null) throw new InvalidArgumentError("It must be of the form 4KB.");
  return Number(match[1]) * 1_024 ** ["B", "KB", "MB", "GB"].indexOf(match[2] ?? "B");
}

function checked(text: string, read: (text: string) => unknown): string {
  read(text);
  return text;
}
