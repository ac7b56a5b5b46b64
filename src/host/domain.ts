// The `--domain` of a master or agent (RV14): where the machine stands, as JSON or in a file that holds it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DomainInfo } from "../contract/types.ts";
import type { FaultDomain } from "../state/model.ts";

export const DOMAIN_NAME_CHARACTERS_MAX = 256;
const FORM = '{"fault_domain":{"region":{"name":"eu"},"zone":{"name":"eu-1"}}}';

/**
 * Region and zone may also be plain texts, as Mesos' documentation writes them.
 * @param text JSON, or the path (also as a file:// URL) of a file with it
 * @throws Error that says what is wrong
 */
export function readDomain(text: string): FaultDomain {
  const domain = parseObject(text.trim().startsWith("{") ? text : readText(text)).fault_domain;
  if (!isObject(domain)) throw new Error(`--domain has no fault_domain; its form is ${FORM}`);
  return { region: nameIn(domain, "region"), zone: nameIn(domain, "zone") };
}

export function domainInfo({ region, zone }: FaultDomain): DomainInfo {
  return { fault_domain: { region: { name: region }, zone: { name: zone } } };
}

function readText(path: string): string {
  const file = path.startsWith("file://") ? fileURLToPath(path) : path;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--domain is neither JSON such as ${FORM} nor a file that can be read: ${reason}`);
  }
}

type Fields = { readonly [field: string]: unknown };

function parseObject(json: string): Fields {
  try {
    const parsed: unknown = JSON.parse(json);
    if (isObject(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw new Error(`--domain is no JSON object; its form is ${FORM}`);
}

function nameIn(domain: Fields, part: "region" | "zone"): string {
  const given = domain[part];
  const name = isObject(given) ? given.name : given;
  if (typeof name === "string" && name !== "" && name.length <= DOMAIN_NAME_CHARACTERS_MAX) return name;
  throw new Error(
    `--domain: the ${part} must be a name of 1 to ${DOMAIN_NAME_CHARACTERS_MAX} characters; the form is ${FORM}`,
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
