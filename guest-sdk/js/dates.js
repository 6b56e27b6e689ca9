// Dates and times between PostgreSQL's numbers (days and microseconds since 2000-01-01) and text. JavaScript's Date has only
// milliseconds and no infinity, so results stay text that keeps every microsecond and that `new Date` reads.

const DAY = 86_400_000_000n;
const S32_MAX = 2147483647;
const S64_MAX = 9223372036854775807n;
/** Milliseconds from 1970-01-01 to 2000-01-01. */
const EPOCH = 946_684_800_000;

/** `2026-11-22`; PostgreSQL's own form for years before 1. */
export function dateText(days) {
  const infinite = infinity(days, S32_MAX, -S32_MAX - 1);
  if (infinite) return infinite;
  const { date, bc } = civil(days);
  return date + bc;
}

/** `14:10:00.123456`, from microseconds since midnight. */
export function timeText(micros) {
  return clock(Number(micros));
}

/** `2026-11-22T14:10:00.123456` and `zone`; in years before 1 PostgreSQL's own form, which `new Date` does not read. */
export function timestampText(micros, zone) {
  const infinite = infinity(micros, S64_MAX, -S64_MAX - 1n);
  if (infinite) return infinite;
  // BigInt division rounds towards zero, and a day before 2000 is counted from its midnight too.
  const days = Number(micros / DAY) - (micros < 0n && micros % DAY !== 0n ? 1 : 0);
  const rest = clock(Number(micros - BigInt(days) * DAY));
  const { date, bc } = civil(days);
  return bc ? `${date} ${rest}${zone && "+00"}${bc}` : `${date}T${rest}${zone}`;
}

/** A valid Date as microseconds since 2000-01-01 UTC. */
export function microsOfDate(date) {
  return (BigInt(date.getTime()) - BigInt(EPOCH)) * 1000n;
}

/** Microseconds since 2000-01-01 UTC, as a Number, as the Date of their millisecond. */
export function dateOfMicros(micros) {
  return new Date(Math.floor(micros / 1000) + EPOCH);
}

function infinity(value, max, min) {
  return value === max ? "infinity" : value === min ? "-infinity" : undefined;
}

/** The last answer of `civil`: the timestamps of a column often share their day. */
let last = { days: NaN };

/** Days since 2000-01-01 as a date of the proleptic Gregorian calendar, counted from 0000-03-01 so that leap days come last. */
function civil(days) {
  if (last.days === days) return last;
  const shifted = days + 730425;
  const era = Math.floor(shifted / 146097);
  const day = shifted - era * 146097;
  const year = Math.floor((day - Math.floor(day / 1460) + Math.floor(day / 36524) - Math.floor(day / 146096)) / 365);
  const ofYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * ofYear + 2) / 153);
  const y = year + era * 400 + (month >= 10 ? 1 : 0);
  const m = month >= 10 ? month - 9 : month + 3;
  const d = ofYear - Math.floor((153 * month + 2) / 5) + 1;
  last = { days, date: `${pad(y > 0 ? y : 1 - y, 4)}-${two(m)}-${two(d)}`, bc: y > 0 ? "" : " BC" };
  return last;
}

function clock(micros) {
  const fraction = micros % 1e6;
  const seconds = (micros - fraction) / 1e6;
  const minutes = Math.floor(seconds / 60);
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}.${pad(fraction, 6)}`;
}

function two(number) {
  return number < 10 ? `0${number}` : number;
}

function pad(number, width) {
  return String(number).padStart(width, "0");
}
