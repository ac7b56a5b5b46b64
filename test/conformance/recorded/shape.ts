// Whether two JSON values are of one shape: the same keys, the same types, equal enums; of lists the first elements.
import type { Json } from "./recordings.ts";

/** Fields whose text is a word of the protocol, not data. */
const WORDS: ReadonlySet<string> = new Set([
  "type",
  "state",
  "source",
  "reason",
  "protocol",
  "scheme",
  "status_update_state",
]);
/** Maps whose keys are data. */
const DATA_KEYED: ReadonlySet<string> = new Set(["flags", "attributes"]);

/** What frameworks and agents may say of themselves or not: shown as it came, and not every one of ours says the same. */
const THEIR_OWN = [
  "hostname",
  "principal",
  "webui_url",
  "labels",
  "offer_filters",
  "capabilities",
  "role",
  "roles",
  "domain",
] as const;

/** One line per difference, such as `.offers.offers[0].domain: missing`. */
export function shapeDifferences(recorded: Json, ours: Json, path = ""): readonly string[] {
  const name = path.slice(path.lastIndexOf(".") + 1);
  if (kindOf(recorded) !== kindOf(ours)) return [`${path}: ${kindOf(ours)} instead of ${kindOf(recorded)}`];
  if (Array.isArray(recorded)) return listDifferences(recorded, ours, path);
  if (kindOf(recorded) === "object")
    return DATA_KEYED.has(name) ? [] : fieldDifferences(recorded, ours, path);
  if (WORDS.has(name) && recorded !== ours) return [`${path}: ${ours} instead of ${recorded}`];
  return [];
}

function listDifferences(recorded: readonly Json[], ours: readonly Json[], path: string): readonly string[] {
  if (recorded.length > 0 && ours.length === 0) return [`${path}: empty`];
  if (recorded.length === 0 || ours.length === 0) return [];
  const name = path.slice(path.lastIndexOf(".") + 1);
  if (name === "resources" || name.endsWith("_resources")) {
    return byName(recorded, ours, path);
  }
  return shapeDifferences(recorded[0], ours[0], `${path}[0]`);
}

/** Resources stand in any order: the same names must be there, each in the same form. */
function byName(recorded: readonly Json[], ours: readonly Json[], path: string): readonly string[] {
  return recorded.flatMap((resource) => {
    const twin = ours.find(({ name }) => name === resource.name);
    return twin === undefined ? [] : shapeDifferences(resource, twin, `${path}[${resource.name}]`);
  });
}

function fieldDifferences(recorded: Json, ours: Json, path: string): readonly string[] {
  const names = new Set([...Object.keys(recorded), ...Object.keys(ours)]);
  if (/\.((framework|agent)_info|\w*frameworks\[0\])$/.test(path))
    for (const name of THEIR_OWN) names.delete(name);
  if (/resources$/.test(path)) names.delete("ports");
  return [...names].flatMap((name) => {
    if (!(name in ours)) return [`${path}.${name}: missing`];
    if (!(name in recorded)) return [`${path}.${name}: added`];
    return shapeDifferences(recorded[name], ours[name], `${path}.${name}`);
  });
}

function kindOf(value: Json): string {
  return Array.isArray(value) ? "list" : value === null ? "null" : typeof value;
}
