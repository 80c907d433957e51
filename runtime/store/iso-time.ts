// Times as `Date.toISOString` writes them, to and from milliseconds: rows hold several, and a Date
// made for each costs more than everything else about them.

const DAY_MS = 86_400_000;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DATE_CHARS = 11;
const ZERO = 48;
const two = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, "0"));
const three = Array.from({ length: 1_000 }, (_, number) => String(number).padStart(3, "0"));

let lastDay = -1;
let lastDayText = "";

/** Milliseconds of a text that `isoText` gives back exactly, from 1970 on; -1 for any other text. */
export function isoTime(text: string): number {
  if (text.length !== 24 || !hasMarks(text)) return -1;
  const year = digits(text, 0) * 100 + digits(text, 2);
  const month = digits(text, 5);
  const day = digits(text, 8);
  const hour = digits(text, 11);
  const minute = digits(text, 14);
  const second = digits(text, 17);
  const ms = digits(text, 20) * 10 + text.charCodeAt(22) - ZERO;
  const isWhole = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && hour < 24;
  if (!isWhole || !(minute < 60 && second < 60) || !isDigit(text, 22)) return -1;
  return day > daysOf(year, month) ? -1 : Date.UTC(year, month - 1, day, hour, minute, second, ms);
}

/** The text of a time from 1970 to 9999. */
export function isoText(atMs: number): string {
  const day = Math.floor(atMs / DAY_MS);
  if (day !== lastDay) {
    lastDay = day;
    lastDayText = new Date(day * DAY_MS).toISOString().slice(0, DATE_CHARS);
  }
  const ms = atMs - day * DAY_MS;
  const seconds = Math.floor(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  const clock = `${two[Math.floor(minutes / 60)]}:${two[minutes % 60]}:${two[seconds % 60]}`;
  return `${lastDayText}${clock}.${three[ms % 1_000]}Z`;
}

function hasMarks(text: string): boolean {
  return (
    text[4] === "-" &&
    text[7] === "-" &&
    text[10] === "T" &&
    text[13] === ":" &&
    text[16] === ":" &&
    text[19] === "." &&
    text[23] === "Z"
  );
}

/** The number of two digits; NaN when one is none. */
function digits(text: string, at: number): number {
  if (!isDigit(text, at) || !isDigit(text, at + 1)) return Number.NaN;
  return (text.charCodeAt(at) - ZERO) * 10 + text.charCodeAt(at + 1) - ZERO;
}

function isDigit(text: string, at: number): boolean {
  const digit = text.charCodeAt(at) - ZERO;
  return digit >= 0 && digit <= 9;
}

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}
