// The masters' flags about offers as `tepui whatif` takes them: what is given holds instead of what was recorded.
import { readHosts } from "../host/whitelist.ts";
import type { Policy } from "../state/policy.ts";
import { type OfferFlags, offerSettings, settingsGiven } from "./offer-settings.ts";
import type { Setting } from "./settings.ts";

export type PolicyFlags = Partial<OfferFlags>;

/** What is looked at when a framework comes is left out: those in a log have been admitted. */
const LEFT_OUT = /^--(offer-constraints-|roles )/;

export const policySettings: readonly Setting[] = offerSettings
  .filter(({ flags }) => !LEFT_OUT.test(flags))
  .map(({ default: _standard, defaultText: _text, ...rest }) => ({
    ...rest,
    description: `as of a master: ${rest.description}${rest.flags.startsWith("--whitelist") ? '; "" for all agents' : ""} (default: as recorded)`,
  }));

/** @throws Error if the file of hosts cannot be read */
export async function settingsOf(flags: PolicyFlags): Promise<Partial<Policy>> {
  const { whitelist } = flags;
  const settings = settingsGiven(flags);
  if (whitelist === undefined) return settings;
  return { ...settings, whitelist: whitelist === "" ? null : await readHosts(whitelist) };
}
