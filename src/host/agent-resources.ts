// What an agent advertises: what it found on the machine, with what the operator configured in place of it (RV02, RV03).
import type { DetectedMachine } from "../agents/edge/detect.ts";
import { detectedResources } from "../agents/edge/detect.ts";
import { parse, type Resources } from "../allocator/index.ts";
import { resourcesFromWire, resourcesToWire } from "../api/convert/resources.ts";
import { decodeJson } from "../contract/codec.ts";
import { messageTypes } from "../contract/message-types.ts";
import type { Attribute, Resource } from "../contract/types.ts";
import type { Result } from "../kernel/result.ts";

/** @throws Error that names what is wrong in the text of `--resources` */
export function agentResources(machine: DetectedMachine, configured: string | null): readonly Resource[] {
  const detected = detectedResources(machine);
  if (configured === null) return detected;
  const parsed = configured.trimStart().startsWith("[") ? parseJson(configured) : parse(configured);
  if (!parsed.ok) throw new Error(`--resources: ${parsed.error}`);
  const given = resourcesToWire(parsed.value, "plain", null);
  const names = new Set(given.map(({ name }) => name));
  return [...given, ...detected.filter(({ name }) => !names.has(name))];
}

/** The list of Resource messages that Mesos also takes, in either format of reservations. */
function parseJson(text: string): Result<Resources, string> {
  const decoded = decodeJson(messageTypes.AgentInfo, `{"hostname":"","resources":${text}}`);
  return decoded.ok ? resourcesFromWire(decoded.value.resources ?? []) : decoded;
}

/**
 * `rack:r1;zone:z1` as text attributes, `cores:8` as scalars, `ports:[1-2]` as ranges.
 * @throws Error that names the part that is none of these
 */
export function parseAttributes(text: string): readonly Attribute[] {
  return text
    .split(";")
    .filter((part) => part.trim() !== "")
    .map((part) => parseAttribute(part.trim()));
}

function parseAttribute(part: string): Attribute {
  const colon = part.indexOf(":");
  const name = part.slice(0, colon).trim();
  const value = part.slice(colon + 1).trim();
  if (colon < 1 || value === "") throw new Error(`--attributes: "${part}" is not of the form name:value`);
  if (/^-?\d+(\.\d+)?$/.test(value)) return { name, type: "SCALAR", scalar: { value: Number(value) } };
  const ranges = /^\[(.+)\]$/.exec(value)?.[1];
  if (ranges !== undefined)
    return { name, type: "RANGES", ranges: { range: ranges.split(",").map(parseRange) } };
  return { name, type: "TEXT", text: { value } };
}

function parseRange(text: string): { readonly begin: number; readonly end: number } {
  const match = /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(text);
  if (match === null) throw new Error(`--attributes: "${text}" is no range of the form 1-5`);
  return { begin: Number(match[1]), end: Number(match[2]) };
}
