// Flags of a master about what is offered to whom, in the words and forms of Mesos' flags.
import { InvalidArgumentError } from "commander";
import { type Minimum, type OfferRules, parse, type RegexLimits, type Sorter } from "../allocator/index.ts";
import { type Setting, wholeNumber } from "./settings.ts";

export interface OfferFlags {
  readonly minAllocatableResources: string;
  readonly fairSharingExcludedResourceNames?: string;
  readonly whitelist?: string;
  readonly roleSorter: Sorter;
  readonly frameworkSorter: Sorter;
  readonly offerConstraintsRe2MaxMem: string;
  readonly offerConstraintsRe2MaxProgramSize: number;
}

export const offerSettings: readonly Setting[] = [
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

export function offerRules(flags: OfferFlags): OfferRules {
  return {
    minimum: parseMinimum(flags.minAllocatableResources),
    fairShareExcluded: parseNames(flags.fairSharingExcludedResourceNames ?? ""),
    roleSorter: flags.roleSorter,
    frameworkSorter: flags.frameworkSorter,
  };
}

function parseNames(text: string): ReadonlySet<string> {
  const names = text.split(",").map((name) => name.trim());
  return new Set(names.filter((name) => name !== ""));
}

function parseSorter(text: string): Sorter {
  if (text === "drf" || text === "random") return text;
  throw new InvalidArgumentError("It must be drf or random.");
}

export function regexLimits(flags: OfferFlags): RegexLimits {
  return {
    memoryBytes: parseBytes(flags.offerConstraintsRe2MaxMem),
    programSize: flags.offerConstraintsRe2MaxProgramSize,
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
