// The member that samekey adds to Cache-Status when a request went forward (RFC 9211). For hits Nginx writes it.

/** Why the request went forward, RFC 9211 §2.2. */
export type Forward = 'uri-miss' | 'vary-miss' | 'stale' | 'request' | 'miss'

export interface CacheStatus {
  fwd: Forward
  /** The status that the app answered with, where the client gets another one (§2.3). */
  fwdStatus?: number
  /** Whether the response is being stored (§2.5). */
  stored?: boolean
  /** Whether it was answered with what another request had fetched (§2.6). */
  collapsed?: boolean
  /** Seconds of freshness left; negative when it is stale (§2.4). */
  ttl?: number
  /** Why it is as it is (§2.8). */
  detail?: string
}

export function formatCacheStatus({ fwd, fwdStatus, stored, collapsed, ttl, detail }: CacheStatus): string {
  const parameters = [
    `fwd=${fwd}`,
    ...(fwdStatus === undefined ? [] : [`fwd-status=${fwdStatus}`]),
    ...(stored === true ? ['stored'] : []),
    ...(collapsed === true ? ['collapsed'] : []),
    ...(ttl === undefined ? [] : [`ttl=${ttl}`]),
    ...(detail === undefined || detail === '' ? [] : [`detail=${tokenOrString(detail)}`])
  ]
  return ['samekey', ...parameters].join('; ')
}

/** RFC 9651 §3.3.4, §3.3.3: a String has printable ASCII only, with '"' and '\' escaped. */
function tokenOrString(text: string): string {
  if (/^[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*$/.test(text)) return text
  return `"${text.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
