// RFC 9111 §1.2.2: delta-seconds = 1*DIGIT. A sign, a fraction, a unit or white space makes it something else.

/** RFC 9111 §1.2.2: what is greater than a cache can represent counts as 2147483648. */
export const MAX_DELTA_SECONDS = 2 ** 31

/** Whole seconds from 0 to 2^31; null when the text is no delta-seconds. */
export function parseDeltaSeconds(text: string): number | null {
  return /^[0-9]+$/.test(text) ? Math.min(Number(text), MAX_DELTA_SECONDS) : null
}
