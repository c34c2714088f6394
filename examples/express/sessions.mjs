// Who is signed in: one account, sessions in memory, a random token in the cookie that samekey.json names.

import { randomBytes, timingSafeEqual } from 'node:crypto'

const ACCOUNT = { name: 'ada', password: 'lovelace', shown: 'Ada' }
const COOKIE = 'session'

export function createSessions() {
  const users = new Map()

  return {
    /** Middleware: req.user is the visitor's name, or undefined. */
    read(req, res, next) {
      req.user = users.get(tokenOf(req))
      next()
    },

    /** Middleware: lets nobody past who is not signed in. */
    require(req, res, next) {
      if (req.user) return next()
      res.set('Cache-Control', 'private, no-store')
      res.redirect(303, '/login')
    },

    /** Whether the form's name and password were right; if so the answer carries the cookie. */
    start(req, res) {
      if (!same(req.body?.name, ACCOUNT.name) || !same(req.body?.password, ACCOUNT.password)) return false
      const token = randomBytes(24).toString('base64url')
      users.set(token, ACCOUNT.shown)
      // SameSite=Lax: another site's forms do not carry it.
      res.cookie(COOKIE, token, { httpOnly: true, sameSite: 'lax', secure: req.secure, path: '/' })
      return true
    },

    end(req, res) {
      users.delete(tokenOf(req))
      res.clearCookie(COOKIE, { path: '/' })
    }
  }
}

function tokenOf(req) {
  return new RegExp(`(?:^|; )${COOKIE}=([^;]*)`).exec(req.headers.cookie ?? '')?.[1]
}

function same(given, expected) {
  const a = Buffer.from(String(given ?? ''))
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
