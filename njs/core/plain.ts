// A plain request is its own canonical form, or its query is plain enough for Nginx to make it so. Most page requests are
// plain, and Nginx makes their keys without JavaScript (nginx/plain_map.ts): what is said here must accept nothing that
// the rest of the core would refuse, or change in another way.

/** A path of plain segments, none of them empty or beginning with a dot; no query, nothing escaped. Linear. */
export const PLAIN_TARGET = /^\/(?:[!$&-,0-9:=@A-Z_a-z~-][!$&-.0-9:=@A-Z_a-z~]*(?:\/[!$&-,0-9:=@A-Z_a-z~-][!$&-.0-9:=@A-Z_a-z~]*)*\/?)?$/

/** A character of such a segment: RFC 3986's pchar without the semicolon. */
export const PLAIN_PATH_CHARACTER = /[!$&-.0-9:=@A-Z_a-z~]/

/** An escape that stays as it is in a path, and makes none ambiguous. */
export const PLAIN_PATH_ESCAPE = /%(?:[89A-F][0-9A-F]|2[0-46-9A-C]|3[A-F]|[46]0|5[BDE]|7[B-D])/

/** A lower-case registered name or IPv4 address, without a port. Linear. */
export const PLAIN_HOST = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/

/** A character of a name that stands for itself wherever names are compared. */
export const PLAIN_NAME_CHARACTER = /[A-Za-z0-9_.~:[\]-]/

/** A character of a value that stands for itself in the canonical target and in the key: printable, none of #, %, & and ^. */
export const PLAIN_VALUE_CHARACTER = /[!"$'-\]_-~]/

/** An escape that stays as it is in a query: two upper-case hex digits, and no unreserved character. */
export const PLAIN_VALUE_ESCAPE = /%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|[46]0|5[B-E]|7[BCDF])/

/** A character of the value of an argument that is dropped: nothing of it reaches the key, so only # and & are excluded. */
export const DROPPED_CHARACTER = /[!"$-%'-~]/
