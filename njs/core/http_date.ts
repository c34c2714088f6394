// RFC 9110 §5.6.7: a date has three forms, all of them UTC, and whatever is none of them is no date.

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

// IMF-fixdate, RFC 850 and asctime: Sun, 06 Nov 1994 08:49:37 GMT; Sunday, 06-Nov-94 08:49:37 GMT; Sun Nov  6 08:49:37 1994
const FIXDATE = /^(?:mon|tue|wed|thu|fri|sat|sun), ([0-9]{2}) ([a-z]{3}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) gmt$/
const RFC850 = /^(?:mon|tues|wednes|thurs|fri|satur|sun)day, ([0-9]{2})-([a-z]{3})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) gmt$/
const ASCTIME = /^(?:mon|tue|wed|thu|fri|sat|sun) ([a-z]{3}) ([0-9]{2}| [0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})$/

/** Seconds since 1970, or -1 when it is no date or one before 1970. `now`, in seconds, decides about two-digit years. */
export function parseHttpDate(text: string, now: number): number {
  if (text.length > 40) return -1
  // RFC 9111 §4.2: a cache should take names and GMT in any case.
  const lower = text.toLowerCase()
  let match = FIXDATE.exec(lower)
  if (match !== null) return toSeconds(Number(match[3]), match[2], match[1], match[4], match[5], match[6])
  match = ASCTIME.exec(lower)
  if (match !== null) return toSeconds(Number(match[6]), match[1], match[2], match[3], match[4], match[5])
  match = RFC850.exec(lower)
  if (match === null) return -1
  // What would be more than 50 years ahead is the latest year before that with the same two digits.
  const thisYear = new Date(now * 1000).getUTCFullYear()
  let year = thisYear - (thisYear % 100) + 100 + Number(match[3])
  while (year > thisYear + 50) year -= 100
  return toSeconds(year, match[2], match[1], match[4], match[5], match[6])
}

type Text = string | undefined

function toSeconds(year: number, monthName: Text, day: Text, hour: Text, minute: Text, second: Text): number {
  const month = MONTHS.indexOf(monthName as string)
  const days = Number(day)
  if (month < 0 || days < 1 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return -1
  // The 31st of a month that has 30 days would be read as the first of the next.
  if (new Date(Date.UTC(year, month, days)).getUTCDate() !== days) return -1
  return Math.max(Date.UTC(year, month, days, Number(hour), Number(minute), Number(second)) / 1000, -1)
}
