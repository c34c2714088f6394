// A plain request is its own canonical form: its key is keyHead, scheme, host and target as they came. Most page
// requests are plain, and Nginx tests them against these same expressions without JavaScript (nginx/plain_map.ts), so
// they must accept nothing that the rest of the core would change or refuse. Both are deterministic: linear in length.

/** A path of plain segments, none of them empty or beginning with a dot; no query, nothing escaped. */
export const PLAIN_TARGET = /^\/(?:[A-Za-z0-9_~-][A-Za-z0-9_~.-]*(?:\/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)*\/?)?$/

/** A lower-case registered name or IPv4 address, without a port. */
export const PLAIN_HOST = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/
