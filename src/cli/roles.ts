// `tepui roles`: what the roles of a cluster weigh, hold and may hold.
import { Command } from "commander";
import { type Amounts, amountsText } from "./amounts.ts";
import { leaderJson, type OperatorFlags, operatorSettings, patienceOf } from "./operator-client.ts";
import { withSettings } from "./settings.ts";
import { table } from "./table.ts";

/** As `/roles` has it; amounts by name, of ranges and sets how many are in them. */
export interface RoleView {
  readonly name: string;
  readonly weight: number;
  readonly frameworks: readonly string[];
  readonly allocated: Amounts;
  readonly offered: Amounts;
  readonly reserved: Amounts;
  readonly quota: { readonly guarantee: Amounts; readonly limit: Amounts };
}

export function rolesCommand(): Command {
  const command = new Command("roles")
    .description(
      "the roles that frameworks are in or that something was set for: what they hold, are offered and have reserved",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  tepui roles\n  tepui roles --json --master 10.0.0.1:5050,10.0.0.2:5050\n",
    );
  return withSettings(command, operatorSettings).action(show);
}

async function show(flags: OperatorFlags): Promise<void> {
  const { roles } = (await leaderJson("/roles", patienceOf(flags))) as {
    readonly roles: readonly RoleView[];
  };
  if (flags.json === true) print(JSON.stringify(roles, null, 2));
  else print(roles.length === 0 ? "There are no roles: no framework is subscribed." : rolesTable(roles));
}

/** Without columns in which no role has anything. */
export function rolesTable(roles: readonly RoleView[]): string {
  const amounts: readonly (readonly [string, (role: RoleView) => Amounts])[] = [
    ["ALLOCATED", ({ allocated }) => allocated],
    ["OFFERED", ({ offered }) => offered],
    ["RESERVED", ({ reserved }) => reserved],
    ["GUARANTEED", ({ quota }) => quota.guarantee],
    ["LIMIT", ({ quota }) => quota.limit],
  ];
  const shown = amounts.filter(([, of]) => roles.some((role) => Object.keys(of(role)).length > 0));
  const rows = roles.map((role) => [
    role.name,
    String(role.weight),
    String(role.frameworks.length),
    ...shown.map(([, of]) => amountsText(of(role))),
  ]);
  return table(["ROLE", "WEIGHT", "FRAMEWORKS", ...shown.map(([header]) => header)], rows);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
