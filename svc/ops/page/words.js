// Counts, times and sizes in words.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const timeOfDay = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const NONE = "–";

/** A count with separators; one that is not known is a dash, an estimate has a sign before it. */
export function count(value, exact = true) {
  if (value === null || value === undefined) return NONE;
  return exact ? whole.format(value) : `≈ ${whole.format(value)}`;
}

/** "1 update", "3 updates". */
export function counted(value, one, many = `${one}s`) {
  return `${whole.format(value)} ${value === 1 ? one : many}`;
}

/** A length of time, in the unit that suits it: "80 ms", "4.2 s", "41 s", "12 min", "3.2 h", "5 d". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 0.995) return `${significant(Math.max(seconds, 0) * 1000)} ms`;
  if (seconds < 120) return `${significant(seconds)} s`;
  if (seconds < 7200) return `${significant(seconds / 60)} min`;
  if (seconds < 172_800) return `${significant(seconds / 3600)} h`;
  return `${significant(seconds / 86_400)} d`;
}

/** How long something has been so: whole seconds first, since they are seen to pass. */
export function age(seconds) {
  if (seconds === null || seconds === undefined || seconds >= 120) return duration(seconds);
  return `${Math.max(Math.floor(seconds), 0)} s`;
}

export function milliseconds(value) {
  return value === null || value === undefined ? NONE : duration(value / 1000);
}

export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), units.length - 1);
  return `${significant(value / 1000 ** power)} ${units[power]}`;
}

/** A moment in the time of who looks. */
export function moment(iso) {
  return iso ? clock.format(new Date(iso)) : NONE;
}

/** The time of day of a Date, where who looks is: "03:12:07". */
export function clockTime(date) {
  return timeOfDay.format(date);
}

/** Why something was not reached, without the name of the class of error that comes before it. */
export function cause(error) {
  return error.replace(/^(InDoubt|NotSent|Refused): /, "");
}

function significant(value) {
  return value >= 9.95 ? whole.format(value) : String(Number(value.toPrecision(2)));
}
