// `tepui quota`: what roles are guaranteed and what they are limited to.
import { Command } from "commander";
import { type Amounts, amountsText, parseAmounts } from "./amounts.ts";
import {
  leaderJson,
  type OperatorFlags,
  operatorOrder,
  operatorSettings,
  operatorView,
  patienceOf,
  Refused,
} from "./operator-client.ts";
import { type Setting, withSettings } from "./settings.ts";
import { table } from "./table.ts";

const LOOK = "tepui quota list";

const setSettings: readonly Setting[] = [
  {
    flags: "--guarantee <amounts>",
    description: 'what the role can always get, such as "cpus:10;mem:4096"; mem and disk in MB',
    defaultText: "none",
    parse: parseAmounts,
  },
  {
    flags: "--limit <amounts>",
    description:
      "the most that the role and those below it may hold; a resource that is not named is not limited",
    defaultText: "none",
    parse: parseAmounts,
  },
  {
    flags: "--force",
    description:
      "even if the cluster has less than is guaranteed, or the role already holds more than its limit",
  },
  ...operatorSettings,
];

interface SetFlags extends OperatorFlags {
  readonly guarantee?: Amounts;
  readonly limit?: Amounts;
  readonly force?: boolean;
}

/** A role's quota as it is shown; amounts by name. */
export interface QuotaView {
  readonly role: string;
  readonly guarantees: Amounts;
  readonly limits: Amounts;
  /** Held or reserved by the role and those below it, offers left out. */
  readonly consumed: Amounts;
}

export function quotaCommand(): Command {
  const command = new Command("quota").description("show and set guarantees and limits of roles");
  withSettings(
    command
      .command("list")
      .description("the quotas that were set, and what of them is consumed")
      .addHelpText("after", "\nExample:\n  tepui quota list --master 10.0.0.1:5050\n")
      .action(list),
    operatorSettings,
  );
  withSettings(
    command
      .command("set")
      .description("give a role a quota in place of the one that it has; offers in its way are rescinded")
      .argument("<role>", "its name; guarantees of roles below it must fit into its own")
      .addHelpText("after", SET_EXAMPLES)
      .action(set),
    setSettings,
  );
  withSettings(
    command
      .command("remove")
      .description(
        "take a role's quota away: nothing is guaranteed to it, and nothing limits it but the roles above",
      )
      .argument("<role>")
      .addHelpText("after", "\nExample:\n  tepui quota remove batch\n")
      .action(remove),
    operatorSettings,
  );
  return command;
}

const SET_EXAMPLES = `
Examples:
  tepui quota set web --guarantee "cpus:10;mem:4096"            at least that much, whenever web wants it
  tepui quota set batch --limit "cpus:20"                       never more CPUs than that, as much memory as there is
  tepui quota set web/shop --guarantee cpus:2 --limit cpus:4    both, in a role below web
`;

async function list(flags: OperatorFlags): Promise<void> {
  const quotas = await quotaViews(flags);
  if (flags.json === true) {
    print(JSON.stringify(quotas, null, 2));
    return;
  }
  if (quotas.length === 0) print("No role has a quota. Set one with tepui quota set ROLE --limit cpus:10");
  else print(quotaTable(quotas));
}

async function set(role: string, flags: SetFlags): Promise<void> {
  const { guarantee, limit, force = false } = flags;
  if (guarantee === undefined && limit === undefined) {
    throw new Error(
      "say what to set with --guarantee or --limit, or take the quota away with tepui quota remove",
    );
  }
  const config = {
    role,
    ...(guarantee === undefined ? {} : { guarantees: scalarsOf(guarantee) }),
    ...(limit === undefined ? {} : { limits: scalarsOf(limit) }),
  };
  const call = { type: "UPDATE_QUOTA", update_quota: { force, quota_configs: [config] } };
  await ordered(call, flags, true);
  await list(flags);
}

async function remove(role: string, flags: OperatorFlags): Promise<void> {
  await ordered({ type: "REMOVE_QUOTA", remove_quota: { role } }, flags, false);
  if (flags.json !== true) print(`Role ${role} has no quota any more.`);
  else await list(flags);
}

async function ordered(call: object, flags: OperatorFlags, repeatable: boolean): Promise<void> {
  try {
    await operatorOrder(call, patienceOf(flags), { repeatable, look: LOOK });
  } catch (error) {
    if (error instanceof Refused) throw new Error(refusalText(error.message), { cause: error });
    throw error;
  }
}

/** The master's words, with what to do in those of this command. */
export function refusalText(text: string): string {
  const own = text
    .replace(/^Invalid QuotaConfig: |^Failed to validate remove quota request: /, "")
    .replace("use 'force' flag to bypass this check", "set it all the same with --force");
  return /has no quota set/.test(own) ? `${own}; see ${LOOK}` : own;
}

/** @throws Error as the calls do */
export async function quotaViews(flags: OperatorFlags): Promise<readonly QuotaView[]> {
  const patience = patienceOf(flags);
  const answer = (await operatorView({ type: "GET_QUOTA" }, patience)) as QuotaAnswer;
  const { roles } = (await leaderJson("/roles", patience)) as RolesAnswer;
  const consumed = new Map(roles.map(({ name, quota }) => [name, quota.consumed]));
  return (answer.get_quota?.status?.configs ?? []).map(({ role, guarantees = {}, limits = {} }) => ({
    role,
    guarantees: amountsOf(guarantees),
    limits: amountsOf(limits),
    consumed: consumed.get(role) ?? {},
  }));
}

type Scalars = Readonly<Record<string, { readonly value: number }>>;

interface QuotaAnswer {
  readonly get_quota?: {
    readonly status?: {
      readonly configs?: readonly {
        readonly role: string;
        readonly guarantees?: Scalars;
        readonly limits?: Scalars;
      }[];
    };
  };
}

interface RolesAnswer {
  readonly roles: readonly { readonly name: string; readonly quota: { readonly consumed: Amounts } }[];
}

export function quotaTable(quotas: readonly QuotaView[]): string {
  const rows = quotas.map(({ role, guarantees, limits, consumed }) => [
    role,
    amountsText(guarantees),
    amountsText(limits),
    amountsText(consumed),
  ]);
  return table(["ROLE", "GUARANTEED", "LIMIT", "CONSUMED"], rows);
}

function scalarsOf(amounts: Amounts): Scalars {
  return Object.fromEntries(Object.entries(amounts).map(([name, value]) => [name, { value }]));
}

function amountsOf(scalars: Scalars): Amounts {
  return Object.fromEntries(Object.entries(scalars).map(([name, { value }]) => [name, value]));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
