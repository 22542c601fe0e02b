import { meantOf, placesOf } from "../src/lab/places";
import type { Choices } from "../src/lab/tokens";

const CHOICES: Choices = {
  workers: 4, most: 64, launchers: ["local", "slurm"],
  profiles: {
    gpu: { launcher: "slurm", workers: 8 },
    odd: { launcher: null, workers: null },
    small: { launcher: "local", workers: 2 },
  },
  kernels: { python3: "Python 3" },
};

test("places are the launchers, and the profiles with what is known of them", () => {
  const places = placesOf(CHOICES, { workers: null, launcher: "local" });
  expect(places.map(({ label, launcher, profile, workers }) => [label, launcher, profile, workers])).toEqual([
    ["on this machine", "local", "", 4],
    ["in jobs of Slurm", "slurm", "", null],
    ["gpu (slurm)", "", "gpu", 8],
    ["odd", "", "odd", null],
    ["small", "", "small", 2],
  ]);
});

test("the number of workers in the settings is for pools on this machine", () => {
  const places = placesOf(CHOICES, { workers: 7, launcher: "local" });
  expect(places.map(({ workers }) => workers)).toEqual([7, null, 8, null, 2]);
});

test("the settings say which place is offered first", () => {
  const first = (launcher: string): number => {
    const defaults = { workers: null, launcher };
    return meantOf(placesOf(CHOICES, defaults), defaults);
  };
  expect(["local", "slurm", "small", "gone"].map(first)).toEqual([0, 1, 4, 0]);
});
