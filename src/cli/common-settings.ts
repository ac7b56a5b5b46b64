// Settings that several commands share.
import { LOG_LEVELS } from "../host/pino-tracer.ts";
import type { Setting } from "./settings.ts";
import { wholeNumber } from "./settings.ts";

export const DEFAULT_PORT = 5050;
export const parsePort = wholeNumber(0, 65_535);

export const logSettings: readonly Setting[] = [
  {
    flags: "--log-level <level>",
    description: "least level of log lines",
    default: "info",
    choices: LOG_LEVELS,
  },
  {
    flags: "--log-format <format>",
    description: "json: one object a line; text: for people",
    default: process.stderr.isTTY ? "text" : "json",
    defaultText: "text on a terminal, else json",
    choices: ["json", "text"],
  },
];

/** Of masters and agents alike. */
export const domainSetting: Setting = {
  flags: "--domain <json|file>",
  description:
    "where the machine stands, such as " +
    '{"fault_domain":{"region":{"name":"eu"},"zone":{"name":"eu-1"}}}, or a file with that; agents in another region ' +
    "than the leading master's are offered to REGION_AWARE frameworks only",
  defaultText: "none",
};

export const mastersSetting: Setting = {
  flags: "--master <host:port>",
  description: "API address of a master; several with commas or by repeating the flag; any of them will do",
  default: [`127.0.0.1:${DEFAULT_PORT}`],
  defaultText: `127.0.0.1:${DEFAULT_PORT}`,
  separator: ",",
};
