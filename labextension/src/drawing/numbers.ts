/** Numbers for people: the words of numbers.py, to which a test holds these functions. */

const grouped = new Intl.NumberFormat("en-US");

export const rounded = (value: number): number => Math.floor(value + 0.5);
export const clamped = (share: number): number => Math.min(Math.max(share || 0, 0), 1);

const padded = (value: number): string => String(value).padStart(2, "0");

export function tenths(value: number): string {
  const count = rounded(value * 10);
  return `${Math.floor(count / 10)}.${count % 10}`;
}

/** A count with its thousands set apart. */
export function number(count: number): string {
  return grouped.format(count);
}

/** A count with its noun, such as `1 task` and `1,000 tasks`. */
export function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A share of one in whole per cent, which says 100 only when nothing is left. */
export function percent(share: number): string {
  return `${Math.floor(clamped(share) * 100)} %`;
}

/** A time span in two or three digits and the unit that suits it, such as `2.1 s`. */
export function duration(seconds: number): string {
  if (seconds < 0.0000005) return "0 s";
  if (seconds < 0.0009995) return `${rounded(seconds * 1e6)} µs`;
  if (seconds < 0.00995) return `${tenths(seconds * 1e3)} ms`;
  if (seconds < 0.9995) return `${rounded(seconds * 1e3)} ms`;
  if (seconds < 9.95) return `${tenths(seconds)} s`;
  const whole = rounded(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${padded(whole % 60)} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${padded(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/** A time span as coarsely as an estimate deserves; steps also keep a countdown from flickering. */
export function about(seconds: number): string {
  if (seconds <= 10) return `${Math.max(1, Math.ceil(seconds))} s`;
  if (seconds <= 90) return `${Math.ceil(seconds / 5) * 5} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : duration(minutes * 60);
}

/** A number of bytes in the binary unit that suits it, such as `102 MiB`. */
export function size(count: number): string {
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (count < 999.5) return `${count < 9.95 && unit !== "B" ? tenths(count) : rounded(count)} ${unit}`;
    count /= 1024;
  }
  return `${tenths(count)} TiB`;
}

/** A ratio, such as a speed-up. */
export function ratio(value: number): string {
  return value < 99.95 ? tenths(value) : number(rounded(value));
}
