// `tepui whatif`: a recorded log run again from an index under another policy, and what would have differed.
import { writeFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { Command } from "commander";
import { parse } from "../allocator/index.ts";
import { type OtherPolicy, type Progress, sharesSvg, type WhatifReport, whatif } from "../debugger/index.ts";
import { EXIT } from "../host/exit-codes.ts";
import { parseInitialWeights } from "../host/initial-weights.ts";
import { readLogPart } from "../host/whatif-log.ts";
import { asId } from "../kernel/ids.ts";
import type { QuotaAmounts, RoleQuota } from "../state/events.ts";
import { type PolicyFlags, policySettings, settingsOf } from "./policy-flags.ts";
import { createProgressBar, type ProgressBar } from "./progress-bar.ts";
import { type Setting, wholeNumber, withSettings } from "./settings.ts";
import { whatifText } from "./whatif-text.ts";

const settings: readonly Setting[] = [
  { flags: "--log <dir>", description: "a master's data directory; the master may run" },
  {
    flags: "--from <index>",
    description: "entry of the log after which the other policy holds",
    parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  },
  {
    flags: "--to <index>",
    description: "last entry that is run again (default: the end of the log)",
    parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  },
  {
    flags: "--weights <role=weight>",
    description: "other weights, separated by commas",
    separator: ",",
    default: [],
  },
  {
    flags: "--quota <role=guarantees/limits>",
    description:
      'another quota, such as "eng=cpus:4;mem:1024/cpus:8"; "eng=/cpus:8" limits alone, "eng=none" takes it away; may be repeated',
    default: [],
    parse: (text, before) => [...(Array.isArray(before) ? (before as string[]) : []), text],
  },
  {
    flags: "--policy <name>",
    description:
      "what the other flags change: the recorded policy, DRF with equal weights and no quotas, or the recorded one in random order",
    choices: ["recorded", "drf", "random"],
    default: "recorded",
  },
  ...policySettings,
  { flags: "--svg <file>", description: "write a plot of the roles' shares over time" },
  { flags: "--json", description: "the whole report as JSON" },
];

interface WhatifFlags extends PolicyFlags {
  readonly log?: string;
  readonly from?: number;
  readonly to?: number;
  readonly weights: readonly string[];
  readonly quota: readonly string[];
  readonly policy: "recorded" | "drf" | "random";
  readonly svg?: string;
  readonly json?: boolean;
}

export function whatifCommand(): Command {
  const command = new Command("whatif").description(
    "run a recorded log again under other weights, quotas or settings of the masters, and show what would have differed",
  );
  return withSettings(command, settings).action(run);
}

async function run(flags: WhatifFlags): Promise<void> {
  const { log, from } = flags;
  if (log === undefined) throw new Error("whose log? Give a master's data directory with --log");
  if (from === undefined)
    throw new Error('from where? Give an index with --from; "tepui log cat" shows them');
  const policy = await policyOf(flags);
  const bar = createProgressBar(process.stderr);
  const stop = (): void => {
    bar.end();
    process.stderr.write("tepui: interrupted; nothing was written\n");
    process.exit(EXIT.interrupted);
  };
  process.once("SIGINT", stop);
  const report = await compare(log, from, flags.to ?? Number.MAX_SAFE_INTEGER, policy, bar);
  process.off("SIGINT", stop);
  if (flags.svg !== undefined) await writeFile(flags.svg, sharesSvg(report));
  process.stdout.write(flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : whatifText(report));
}

async function compare(
  log: string,
  from: number,
  to: number,
  policy: OtherPolicy,
  bar: ProgressBar,
): Promise<WhatifReport> {
  if (to <= from) throw new Error(`--to ${to} must be greater than --from ${from}`);
  try {
    const { snapshot, entries } = await readLogPart(log, from, to);
    const work = whatif(snapshot, entries, policy);
    for (;;) {
      const next = work.next();
      if (next.done !== true) {
        show(bar, next.value);
        await setImmediate();
        continue;
      }
      if (!next.value.ok) throw new Error(next.value.error);
      return next.value.value;
    }
  } finally {
    bar.end();
  }
}

const STAGES = ["recording", "recorded policy", "other policy"] as const;

function show(bar: ProgressBar, { stage, done, total }: Progress): void {
  const percent = Math.floor((100 * done) / total);
  if (process.stderr.isTTY)
    bar.update(STAGES.indexOf(stage) * 100 + percent, 300, `% of three runs: ${stage}`);
}

async function policyOf(flags: WhatifFlags): Promise<OtherPolicy> {
  const { policy, weights, quota } = flags;
  const settings = { ...SORTERS[policy], ...(await settingsOf(flags)) };
  if (policy === "recorded" && weights.length + quota.length + Object.keys(settings).length === 0)
    throw new Error("which other policy? Give --policy, --weights, --quota or a flag of the masters");
  return {
    plain: policy === "drf",
    settings,
    weights: parseInitialWeights(weights),
    quotas: quota.map(parseQuota),
  };
}

const SORTERS = {
  recorded: {},
  drf: { roleSorter: "drf", frameworkSorter: "drf" },
  random: { roleSorter: "random", frameworkSorter: "random" },
} as const;

/** `role=guarantees/limits`, each as `--resources` texts of numbers; `none` for no quota. */
function parseQuota(text: string): RoleQuota {
  const [, role, amounts] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(text) ?? [];
  const parts = amounts?.split("/") ?? [];
  if (role === undefined || amounts === undefined || amounts === "" || parts.length > 2)
    throw new Error(`--quota "${text}" is not of the form role=guarantees/limits, such as eng=cpus:4/cpus:8`);
  if (amounts === "none") return { role: asId(role), quota: null };
  const [guarantees = "", limits = ""] = parts;
  const quota = { guarantees: parseAmounts(text, guarantees), limits: parseAmounts(text, limits) };
  return { role: asId(role), quota: checked(text, quota) };
}

function parseAmounts(quota: string, text: string): QuotaAmounts["limits"] {
  if (text.trim() === "") return [];
  const resources = parse(text);
  if (!resources.ok) throw new Error(`--quota "${quota}": ${resources.error}`);
  return resources.value.map(({ name, value }) => {
    if (value.kind !== "scalar") throw new Error(`--quota "${quota}": ${name} must be a number`);
    return [name, value.millis] as const;
  });
}

function checked(text: string, quota: QuotaAmounts): QuotaAmounts {
  const limits = new Map(quota.limits);
  const beyond = quota.guarantees.find(
    ([name, millis]) => millis > (limits.get(name) ?? Number.POSITIVE_INFINITY),
  );
  if (beyond !== undefined)
    throw new Error(`--quota "${text}": more ${beyond[0]} is guaranteed than the limit is`);
  return quota;
}
