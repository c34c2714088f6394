// What a runtime must hand over. ASCII in, ASCII out: the engines disagree about every other character
// (docs/key-format.md §2), so a request with any other byte is never looked up.

/** A page request as it came over the wire: nothing decoded, nothing merged, nothing resolved. */
export interface CacheRequest {
  /** The method, upper case as sent. */
  method: string
  /** The raw request target: `$request_uri` in Nginx, `req.originalUrl` in Node. Never `$uri`. */
  target: string
  /** The raw Host field, with its port; '' when there is none or when it contradicts the request line. */
  host: string
  /** 'http' or 'https': how the client reached the site. */
  scheme: string
  /** The Cookie field, several joined by '; '; '' when there is none. */
  cookie: string
  /**
   * Authorization, Upgrade, Content-Length and Transfer-Encoding in one string, or any other text that is
   * '' exactly when all four are absent: nearly every page request has none, so one look replaces four.
   */
  guarded: string
  /** A header field by its lower-case name; repeated fields joined by ', '; '' when there is none. */
  header(name: string): string
}
