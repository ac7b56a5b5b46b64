// Whose turn it is where chance decides (AL02): from a seed, so that the same state gives the same offers again.
import type { Random } from "../kernel/ports.ts";
import { below, seededRandom } from "../kernel/random.ts";
import type { AllocateOptions } from "./model.ts";

/** Moves one of those from the place on to the place: drawn by their weights. */
export type Draws = (list: Weighted[], place: number) => void;

interface Weighted {
  readonly weight: number;
}

export function drawsFor({ roleSorter, frameworkSorter, seed = "" }: AllocateOptions): {
  roles: Draws | null;
  frameworks: Draws | null;
} {
  return {
    roles: roleSorter === "random" ? drawsFrom(seededRandom(`roles ${seed}`), placeByWeight) : null,
    frameworks: frameworkSorter === "random" ? drawsFrom(seededRandom(`frameworks ${seed}`), anyPlace) : null,
  };
}

type Choice = (random: Random, list: readonly Weighted[], from: number) => number;

function drawsFrom(random: Random, choose: Choice): Draws {
  return (list, place) => {
    const chosen = choose(random, list, place);
    const [here, there] = [list[place], list[chosen]];
    if (here === undefined || there === undefined) return;
    list[place] = there;
    list[chosen] = here;
  };
}

/** Frameworks have no weight. */
function anyPlace(random: Random, list: readonly Weighted[], from: number): number {
  return from + below(random, list.length - from);
}

function placeByWeight(random: Random, list: readonly Weighted[], from: number): number {
  let all = 0;
  for (let at = from; at < list.length; at++) all += list[at]?.weight ?? 0;
  let left = (random.uint32() / 0x1_0000_0000) * all;
  for (let at = from; at < list.length - 1; at++) {
    left -= list[at]?.weight ?? 0;
    if (left < 0) return at;
  }
  return list.length - 1;
}
