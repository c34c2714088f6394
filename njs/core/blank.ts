// RFC 9110 §5.6.3: what may stand around a value is spaces and tabs, and nothing else.

/** Without the blanks around it. A loop: a regex for the end is quadratic, and the built-in trims more. */
export function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
