// Lists of names that people write, compiled to one regex each. The texts they are tested against are chosen by
// clients and some have no useful limit (a Cookie field may have 16 KB), so every regex here is linear in the text.

/** Any character that means something in a regex. */
export function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}

// ------------------------------------------------------------------------------------------------------ query names

/**
 * Tested against comparable names (njs/core/normalise.ts); `name*` stands for every name with that start. By the first
 * character: engines try alternatives one by one, and this is tried for every argument.
 */
export function queryNamesRegex(names: string[]): RegExp | null {
  if (names.length === 0) return null
  const rests = new Map<string, string[]>()
  for (const name of unique(names)) {
    const text = comparable(name)
    const first = text.slice(0, 1)
    const rest = quote(text.slice(1)) + (name.endsWith('*') ? ANY_REST : '')
    rests.set(first, [...(rests.get(first) ?? []), rest])
  }
  return new RegExp(`^(?:${[...rests].map(([first, each]) => quote(first) + (each.length > 1 ? `(?:${each.join('|')})` : each[0])).join('|')})$`)
}

/** Matches no name: comparable names have only printable ASCII. */
export const NO_NAME = /^[^!-~]$/

const ANY_REST = '[!-~]*'

/** What normalise.ts makes of the names of requests: printable characters as they are, other bytes as %XX; without the `*`. */
function comparable(name: string): string {
  let text = ''
  for (const byte of Buffer.from(name.endsWith('*') ? name.slice(0, -1) : name, 'utf8')) {
    const printable = byte > 0x20 && byte < 0x7f && byte !== 0x25
    text += printable ? String.fromCharCode(byte) : '%' + byte.toString(16).toUpperCase().padStart(2, '0')
  }
  return text
}

// ---------------------------------------------------------------------------------------------------------- cookies

/**
 * Tested against the whole Cookie field, anywhere in it. A glob has `*` at its start, its end, or both, and case does
 * not matter. `except` names win.
 *
 * Linear: a name is looked at from its own start only, a `*` at the end needs no look at the rest of the name, and the
 * white space before a name (RFC 6265 §5.2) is never left to two parts at once: a leading `*` takes it by itself.
 */
export function sessionCookieRegex(globs: string[], except: string[]): RegExp | null {
  if (globs.length === 0) return null
  const not = except.length === 0 ? '' : `(?!${branches(except)})`
  return new RegExp(`(?:^|;)${not}(?:${branches(globs)})`, 'i')
}

/** Tested against the name of one cookie that an app sets; case matters, as it does to clients (RFC 6265 §5.3). */
export function cookieNamesRegex(globs: string[]): RegExp | null {
  if (globs.length === 0) return null
  return new RegExp(`^(?:${unique(globs).map((glob) => quote(glob).replaceAll('\\*', '.*')).join('|')})$`)
}

function branches(globs: string[]): string {
  const closed = (glob: string): string => (glob.endsWith('*') ? quote(glob.slice(0, -1)) : quote(glob) + '[ \\t]*(?:[=;]|$)')
  const fixed = unique(globs.filter((glob) => !glob.startsWith('*')).map(closed))
  const floating = unique(globs.filter((glob) => glob.startsWith('*')).map((glob) => closed(glob.slice(1))))
  const parts: string[] = []
  if (fixed.length > 0) parts.push(`[ \\t]*(?:${fixed.join('|')})`)
  if (floating.length > 0) parts.push(`[^=;]*(?:${floating.join('|')})`)
  return parts.join('|')
}

// ------------------------------------------------------------------------------------------------------------ hosts

/** Tested against the canonical host: lower case, without the scheme's default port. `*.` stands for any subdomain. */
export function hostsRegex(hosts: string[]): RegExp | null {
  if (hosts.length === 0) return null
  const sources = hosts.map((host) => (host.startsWith('*.') ? `[a-z0-9_.-]+\\.${quote(host.slice(2).toLowerCase())}` : quote(host.toLowerCase())))
  return new RegExp(`^(?:${unique(sources).join('|')})$`)
}

function unique(texts: string[]): string[] {
  return [...new Set(texts)]
}
