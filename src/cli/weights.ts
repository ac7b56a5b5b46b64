// `tepui weights`: how much of what is contended each role is due.
import { Command, InvalidArgumentError } from "commander";
import {
  type OperatorFlags,
  operatorOrder,
  operatorSettings,
  operatorView,
  patienceOf,
} from "./operator-client.ts";
import { withSettings } from "./settings.ts";
import { table } from "./table.ts";

export interface WeightView {
  readonly role: string;
  readonly weight: number;
}

export function weightsCommand(): Command {
  const command = new Command("weights").description("show and set the weights of roles");
  withSettings(
    command
      .command("list")
      .description("the weights that were set; every other role has weight 1")
      .addHelpText("after", "\nExample:\n  tepui weights list --json\n")
      .action(list),
    operatorSettings,
  );
  withSettings(
    command
      .command("set")
      .description(
        "set weights; those of other roles stay. A role of weight 2 is due twice as much as one of weight 1",
      )
      .argument("<role=weight...>", "a weight is greater than 0 and has at most three decimals", parseWeight)
      .addHelpText(
        "after",
        "\nExamples:\n  tepui weights set web=2 batch=0.5\n  tepui weights set web=1   as it was\n",
      )
      .action(set),
    operatorSettings,
  );
  return command;
}

/** @throws InvalidArgumentError that says what is wrong */
export function parseWeight(text: string, before: readonly WeightView[] = []): readonly WeightView[] {
  const [, role, number] = /^\s*([^=]+?)\s*=\s*(\d+(?:\.\d{1,3})?)\s*$/.exec(text) ?? [];
  const weight = Number(number);
  if (role === undefined || !(weight > 0)) {
    throw new InvalidArgumentError(
      `"${text}" is not of the form role=weight, with a weight greater than 0 of at most three decimals.`,
    );
  }
  return [...before, { role, weight }];
}

async function list(flags: OperatorFlags): Promise<void> {
  const weights = await weightViews(flags);
  if (flags.json === true) print(JSON.stringify(weights, null, 2));
  else if (weights.length === 0)
    print("Every role has weight 1. Set others with tepui weights set ROLE=WEIGHT");
  else
    print(
      table(
        ["ROLE", "WEIGHT"],
        weights.map(({ role, weight }) => [role, String(weight)]),
      ),
    );
}

async function set(weights: readonly WeightView[], flags: OperatorFlags): Promise<void> {
  const call = { type: "UPDATE_WEIGHTS", update_weights: { weight_infos: weights } };
  await operatorOrder(call, patienceOf(flags), { repeatable: true, look: "tepui weights list" });
  await list(flags);
}

async function weightViews(flags: OperatorFlags): Promise<readonly WeightView[]> {
  const answer = (await operatorView({ type: "GET_WEIGHTS" }, patienceOf(flags))) as {
    readonly get_weights?: { readonly weight_infos?: readonly WeightView[] };
  };
  return answer.get_weights?.weight_infos ?? [];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
