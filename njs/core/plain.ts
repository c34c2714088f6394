// A plain request is its own canonical form, or its query is simple enough for Nginx to make it so. Most page requests
// are plain, and Nginx makes their keys without JavaScript (nginx/plain_map.ts): what is said here must accept nothing
// that the rest of the core would change or refuse in another way.

/** A path of plain segments, none of them empty or beginning with a dot; no query, nothing escaped. Linear. */
export const PLAIN_TARGET = /^\/(?:[A-Za-z0-9_~-][A-Za-z0-9_~.-]*(?:\/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)*\/?)?$/

/** A lower-case registered name or IPv4 address, without a port. Linear. */
export const PLAIN_HOST = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/

/** A character of a name that stands for itself wherever names are compared. */
export const PLAIN_NAME_CHARACTER = /[A-Za-z0-9_.~:[\]-]/

/** A character of a value that stands for itself in the canonical target and in the key: printable, none of #, %, & and ^. */
export const PLAIN_VALUE_CHARACTER = /[!"$'-\]_-~]/

/** A character of the value of an argument that is dropped: nothing of it reaches the key, so only # and & are excluded. */
export const DROPPED_CHARACTER = /[!"$-%'-~]/
