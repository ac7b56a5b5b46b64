// Resources as people write them: the agent's `--resources="cpus:2;mem:4096;ports:[31000-32000];zones:{a,b}"` (RV02)
// and the same for display. Scalars go from text to thousandths by their digits, never by way of a float. Memory and
// disk are in megabytes. `name(role):value` is reserved for the role (RV04); the JSON form is not read here.
import { err, ok, type Result } from "../kernel/result.ts";
import { SCALAR_MILLIS_MAX, TEXT_CHARACTERS_MAX } from "./limits.ts";
import type { Disk, Meta, Reservation } from "./meta.ts";
import { metaOf, metaText } from "./meta.ts";
import type { Range } from "./ranges.ts";
import { makeResources, type ResourcePart } from "./resource-parts.ts";
import type { Resource, Resources, ResourceValue } from "./resources.ts";

/** What is said to be for it is not reserved. */
const ANY_ROLE = "*";

/** One line, such as `cpus:2; mem:4096; ports:[31000-32000]`; "" for nothing. */
export function format(resources: Resources): string {
  return resources.map((resource) => formatResource(resource)).join("; ");
}

/** Thousandths as units with up to 3 decimals: 1500 is `1.5`. */
export function formatMillis(millis: number): string {
  const whole = Math.floor(millis / 1_000);
  const rest = millis % 1_000;
  return rest === 0 ? `${whole}` : `${whole}.${String(rest).padStart(3, "0").replace(/0+$/, "")}`;
}

/** The form of the agent's `--resources` flag; `;` at the end and white space around tokens do no harm. */
export function parse(text: string): Result<Resources, string> {
  if (text.length > TEXT_CHARACTERS_MAX)
    return err(`more than ${TEXT_CHARACTERS_MAX} characters of resources`);
  const parts: ResourcePart[] = [];
  for (const token of text.split(";")) {
    if (token.trim() === "") continue;
    const part = parsePart(token.trim());
    if (!part.ok) return part;
    parts.push(part.value);
  }
  return makeResources(parts);
}

/** Thousandths of a decimal number without sign or exponent, rounded half up to 3 decimals (trap 38). */
export function parseMillis(text: string): Result<number, string> {
  const digits = /^(\d*)(?:\.(\d*))?$/.exec(text);
  const whole = digits?.[1] ?? "";
  const decimals = digits?.[2] ?? "";
  if (digits === null || whole + decimals === "") return err(`'${text}' is not a number`);
  const millis = BigInt(`${whole}${decimals.slice(0, 3).padEnd(3, "0")}`);
  const rounded = millis + ((decimals[3] ?? "0") >= "5" ? 1n : 0n);
  if (rounded > BigInt(SCALAR_MILLIS_MAX)) return err(`'${text}' exceeds ${SCALAR_MILLIS_MAX / 1_000}`);
  return ok(Number(rounded));
}

/**
 * As Mesos writes it: `disk(allocated: dev)(reservations: [(DYNAMIC,dev,op,{for: db})])[vol-1:data]:100`; as `format` for no
 * role. Cut short after the resource with which it gets so long.
 */
export function formatUpTo(charactersMax: number, resources: Resources, role: string | null): string {
  let text = "";
  for (const resource of resources) {
    if (text.length >= charactersMax) return `${text}; ...`;
    const next = formatResource(resource, role === null ? "" : `(allocated: ${role})`);
    text += text === "" ? next : `; ${next}`;
  }
  return text;
}

function formatResource({ name, meta, value }: Resource, allocation = ""): string {
  return `${name}${allocation}${meta === "" ? "" : formatMeta(metaOf(meta))}:${formatValue(value)}`;
}

function formatMeta({ reservations = [], disk, revocable, shared }: Meta): string {
  return [
    reservations.length === 0 ? "" : `(reservations: [${reservations.map(formatReservation).join(",")}])`,
    disk === undefined ? "" : `[${formatDisk(disk)}]`,
    revocable === undefined ? "" : "{REV}",
    shared === undefined ? "" : "<SHARED>",
  ].join("");
}

function formatReservation({ type = "UNKNOWN", role, principal, labels }: Reservation): string {
  const pairs = (labels?.labels ?? []).map(({ key, value }) =>
    value === undefined ? key : `${key}: ${value}`,
  );
  const parts = [type, role, ...(principal === undefined ? [] : [principal])];
  return `(${[...parts, ...(pairs.length === 0 ? [] : [`{${pairs.join(", ")}}`])].join(",")})`;
}

function formatDisk({ source, persistence, volume }: Disk): string {
  const origin = source?.type === undefined ? "" : `${source.type}${formatRoot(source)}`;
  const kept = persistence === undefined ? "" : persistence.id;
  const path = volume === undefined ? "" : `:${volume.container_path}`;
  return `${origin}${origin !== "" && kept !== "" ? "," : ""}${kept}${path}`;
}

function formatRoot({ path }: NonNullable<Disk["source"]>): string {
  return path?.root === undefined ? "" : `:${path.root}`;
}

function formatValue(value: ResourceValue): string {
  if (value.kind === "scalar") return formatMillis(value.millis);
  if (value.kind === "set") return `{${value.items.join(",")}}`;
  return `[${value.ranges.map(({ begin, end }) => `${begin}-${end}`).join(",")}]`;
}

function parsePart(token: string): Result<ResourcePart, string> {
  const parts = /^([^:()]+)(?:\(([^()]*)\)\s*)?:(.*)$/s.exec(token);
  const name = parts?.[1]?.trim() ?? "";
  if (name === "") return err(`'${token}' is not of the form name:value`);
  const role = parts?.[2]?.trim() ?? ANY_ROLE;
  if (role === "") return err(`Resource '${name}': the role is missing`);
  const value = parseValue((parts?.[3] ?? "").trim());
  if (!value.ok) return err(`Resource '${name}': ${value.error}`);
  return ok({ name, meta: role === ANY_ROLE ? "" : reservedFor(role), value: value.value });
}

function reservedFor(role: string): string {
  return metaText({ name: "", type: "SCALAR", reservations: [{ type: "STATIC", role }] });
}

function parseValue(text: string): Result<ResourceValue, string> {
  if (text.startsWith("[") && text.endsWith("]")) return parseRanges(text.slice(1, -1));
  if (text.startsWith("{") && text.endsWith("}"))
    return ok({ kind: "set", items: splitList(text.slice(1, -1)) });
  const millis = parseMillis(text);
  return millis.ok ? ok({ kind: "scalar", millis: millis.value }) : millis;
}

function parseRanges(text: string): Result<ResourceValue, string> {
  const ranges: Range[] = [];
  for (const item of splitList(text)) {
    const ends = /^(\d{1,16})\s*-\s*(\d{1,16})$/.exec(item);
    if (ends === null) return err(`'${item}' is not of the form begin-end`);
    ranges.push({ begin: Number(ends[1]), end: Number(ends[2]) });
  }
  return ok({ kind: "ranges", ranges });
}

function splitList(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
