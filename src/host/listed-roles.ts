// Reads the `--roles` flag of a master (AL20): names separated by commas.
import { problemOfRole } from "../api/convert/ids.ts";
import { LISTED_ROLES_MAX } from "../state/limits.ts";

/** @throws Error that says what is wrong */
export function parseListedRoles(text: string): ReadonlySet<string> {
  const roles = new Set(
    text
      .split(",")
      .map((role) => role.trim())
      .filter((role) => role !== ""),
  );
  for (const role of roles) {
    const problem = problemOfRole(role);
    if (problem !== null) throw new Error(`${problem}.`);
  }
  if (roles.size > LISTED_ROLES_MAX) throw new Error(`There may be at most ${LISTED_ROLES_MAX} roles.`);
  return roles;
}
