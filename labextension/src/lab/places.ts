/** Where a new pool can be started, for the dialog that asks. */

import type { Choices } from "./tokens";

/** What the settings say about new pools. */
export interface Defaults {
  /** How many workers; null leaves it to the server. */
  workers: number | null;
  /** Where: a profile, or a launcher. */
  launcher: string;
}

const LAUNCHERS: Readonly<Record<string, string>> = { local: "on this machine", slurm: "in jobs of Slurm" };

/** Where a pool can be started. */
export interface Place {
  label: string;
  launcher: string;
  profile: string;
  /** How many it has if nobody says so; null leaves it to the server. */
  workers: number | null;
}

/** All places that there are. */
export function placesOf(choices: Choices, defaults: Defaults): Place[] {
  const workers = defaults.workers ?? choices.workers;
  return [
    ...choices.launchers.map((launcher) => ({
      label: LAUNCHERS[launcher] ?? launcher, launcher, profile: "", workers: launcher === "local" ? workers : null,
    })),
    ...Object.entries(choices.profiles).map(([profile, said]) => ({
      label: said.launcher && said.launcher !== "local" ? `${profile} (${said.launcher})` : profile,
      launcher: "", profile, workers: said.workers,
    })),
  ];
}

/** The index of the place that the settings mean; 0 if there is none of that name. */
export function meantOf(places: readonly Place[], defaults: Defaults): number {
  const meant = places.findIndex(({ launcher, profile }) => defaults.launcher === (profile || launcher));
  return Math.max(0, meant);
}
