// Texts as Nginx's configuration takes them.

/** Nginx refuses a configuration with a parameter of 4,096 bytes, quotes and the ~ in front included. */
export const MAX_PARAMETER_BYTES = 4000

/** Nginx reads \\ and \" in a quoted string, and leaves every other backslash to PCRE. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** What stands between the ^ and the $ of an expression. */
export function unanchored(pattern: RegExp): string {
  return pattern.source.slice(1, -1)
}
