// Settings of a command: by flag, else by environment variable (TEPUI_…), else by a config file, else the default.
// Each is described once; `--help` is made from that.
import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";

export interface Setting {
  /** `--data-dir <path>`, or `--once` for a switch. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string | number | boolean | readonly string[];
  /** What the default is called in the help where its value says too little. */
  readonly defaultText?: string;
  readonly choices?: readonly string[];
  readonly parse?: (text: string, before: unknown) => unknown;
  /** A list: given several times, or once with this between its parts. */
  readonly separator?: "," | ";";
}

/** Adds the settings, `--config`, and what reads both environment and file before the command runs. */
export function withSettings(command: Command, settings: readonly Setting[]): Command {
  for (const setting of settings) command.addOption(optionOf(setting));
  command.addOption(
    new Option(
      "--config <file>",
      "JSON file with settings by their long names; flags and environment win",
    ).env("TEPUI_CONFIG"),
  );
  command.hook("preAction", (_, action) => {
    readSwitches(action, settings);
    applyConfigFile(action, settings);
  });
  return command;
}

function optionOf(setting: Setting): Option {
  const option = new Option(setting.flags, setting.description);
  option.env(
    `TEPUI_${option
      .attributeName()
      .replace(/[A-Z]/g, (letter) => `_${letter}`)
      .toUpperCase()}`,
  );
  if (setting.default !== undefined) option.default(setting.default, setting.defaultText);
  if (setting.choices !== undefined) option.choices(setting.choices);
  const { separator } = setting;
  if (separator !== undefined) {
    option.argParser((text: string, before: readonly string[] | undefined) => [
      ...(before === setting.default ? [] : (before ?? [])),
      ...text.split(separator).filter((part) => part !== ""),
    ]);
  } else if (setting.parse !== undefined) option.argParser(setting.parse);
  return option;
}

/** A switch counts as given when its environment variable is there at all; "false" and the like are to mean no. */
function readSwitches(command: Command, settings: readonly Setting[]): void {
  for (const option of settings.map(optionOf)) {
    if (!option.isBoolean() || option.envVar === undefined) continue;
    const name = option.attributeName();
    const text = process.env[option.envVar];
    if (command.getOptionValueSource(name) === "env" && NO_WORDS.has(text ?? ""))
      command.setOptionValueWithSource(name, false, "env");
  }
}

const NO_WORDS: ReadonlySet<string> = new Set(["", "0", "false", "no"]);

function applyConfigFile(command: Command, settings: readonly Setting[]): void {
  const file: unknown = command.getOptionValue("config");
  if (typeof file !== "string") return;
  const options = new Map(settings.map((setting) => [longName(setting), optionOf(setting)]));
  for (const [name, value] of Object.entries(readConfig(command, file))) {
    const option = options.get(name);
    if (option === undefined) {
      command.error(
        `error: ${file} has the unknown setting "${name}"; known are ${[...options.keys()].join(", ")}`,
      );
    }
    const source = command.getOptionValueSource(option.attributeName());
    if (source !== undefined && source !== "default") continue;
    command.setOptionValueWithSource(option.attributeName(), configValue(command, option, value), "config");
  }
}

function readConfig(command: Command, file: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    return command.error(`error: the config file cannot be read: ${messageOf(error)}`);
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  return command.error(`error: ${file} holds no JSON object`);
}

function configValue(command: Command, option: Option, value: unknown): unknown {
  try {
    if (option.isBoolean()) return booleanOf(value);
    const texts = Array.isArray(value) ? value : [value];
    const { parseArg } = option;
    if (texts.length === 1)
      return parseArg === undefined ? textOf(texts[0]) : parseArg(textOf(texts[0]), undefined);
    if (!Array.isArray(option.defaultValue)) throw new InvalidArgumentError("It takes one value.");
    return texts.reduce<unknown>((before, each) => parseArg?.(textOf(each), before), []);
  } catch (error) {
    return command.error(`error: setting "${option.long}" of the config file: ${messageOf(error)}`);
  }
}

function booleanOf(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new InvalidArgumentError("It must be true or false.");
}

function textOf(value: unknown): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new InvalidArgumentError("It must be a text or a number.");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function longName(setting: Setting): string {
  return optionOf(setting).long?.replace(/^--/, "") ?? setting.flags;
}

/** A whole number within bounds. */
export function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`);
  };
}

/** A number greater than 0, with at most three decimals: Mesos' resources know no more. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d{1,3})?$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number greater than 0 with at most three decimals.");
}
