// Figures and times in words.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const NONE = "–";

/** A count, with separators; none yet is a dash. */
export function count(value) {
  return value === null ? NONE : whole.format(value);
}

/** Milliseconds with their unit: tenths below 10 ms, seconds from 1,000 ms on. */
export function milliseconds(value) {
  if (value === null) return NONE;
  if (value >= 999.5) return `${tenths.format(value / 1000)} s`;
  return value < 9.95 ? `${tenths.format(value)} ms` : `${whole.format(value)} ms`;
}

/** Seconds that are left, whole ones, never "0" while something is left. */
export function secondsLeft(value) {
  return `${whole.format(Math.ceil(value))} s`;
}

/** How long ago or for how long, in the largest unit. */
export function duration(seconds) {
  if (seconds < 60) return `${whole.format(Math.max(Math.floor(seconds), 0))} s`;
  if (seconds < 3600) return `${whole.format(Math.floor(seconds / 60))} min`;
  return `${whole.format(Math.floor(seconds / 3600))} h`;
}

/** A measured figure of the tour. */
export function measured({ value, unit }) {
  if (unit === "ms") return milliseconds(value);
  const number = Number.isInteger(value) ? whole.format(value) : tenths.format(value);
  return unit ? `${number} ${unit}` : number;
}
