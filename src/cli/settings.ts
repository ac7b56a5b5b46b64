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
  /** May be given several times, or once with commas. */
  readonly list?: boolean;
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
  command.hook("preAction", (_, action) => applyConfigFile(action, settings));
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
  if (setting.list === true) {
    option.argParser((text: string, before: readonly string[] | undefined) => [
      ...(before === setting.default ? [] : (before ?? [])),
      ...text.split(",").filter((part) => part !== ""),
    ]);
  } else if (setting.parse !== undefined) option.argParser(setting.parse);
  return option;
}

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
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
    return command.error(`error: ${file} holds no JSON object`);
  } catch (error) {
    return command.error(`error: the config file cannot be read: ${String(error)}`);
  }
}

function configValue(command: Command, option: Option, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(String);
  const text = String(value);
  if (option.isBoolean()) return text === "true";
  if (option.parseArg === undefined) return text;
  try {
    return option.parseArg(text, undefined);
  } catch (error) {
    return command.error(`error: setting "${option.long}" of the config file: ${String(error)}`);
  }
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
