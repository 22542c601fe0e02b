/** Which part of a timeline is in sight. Pure; times are seconds since 1970. */

export interface Range {
  from: number;
  until: number;
}

const SHORTEST = 1e-4; // seconds: the data is no finer than that

export const length = (range: Range): number => range.until - range.from;

/** Zoom in (factor < 1) or out around a moment, which stays where it is; never beyond `whole`. */
export function zoomed(range: Range, factor: number, around: number, whole: Range): Range {
  const size = Math.min(Math.max(length(range) * factor, SHORTEST), length(whole));
  const share = length(range) > 0 ? (around - range.from) / length(range) : 0;
  const from = around - share * size;
  return held({ from, until: from + size }, whole);
}

/** Move by a share of what is in sight; to later if it is positive. */
export function panned(range: Range, share: number, whole: Range): Range {
  const by = share * length(range);
  return held({ from: range.from + by, until: range.until + by }, whole);
}

/** Push a range back into `whole`. */
export function held(range: Range, whole: Range): Range {
  const size = Math.min(length(range), length(whole));
  const from = Math.min(Math.max(range.from, whole.from), whole.until - size);
  return { from, until: from + size };
}

/** Round times within a range, counted from `zero`, of which there are at most `most`. */
export function ticks(range: Range, zero: number, most: number): number[] {
  const step = roundStep(length(range) / Math.max(1, most));
  const first = Math.ceil((range.from - zero) / step);
  const last = Math.floor((range.until - zero) / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
}

/** The next larger of 1, 2 and 5 times a power of ten; of what clocks have from a minute on. */
function roundStep(least: number): number {
  const clock = [60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400];
  if (least > 30) return clock.find((step) => step >= least) ?? Math.ceil(least / 86_400) * 86_400;
  const power = 10 ** Math.floor(Math.log10(Math.max(least, SHORTEST)));
  return power * ([1, 2, 5].find((factor) => factor * power >= least * 0.999_999) ?? 10);
}
