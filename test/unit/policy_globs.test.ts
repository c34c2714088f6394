// Lists of names: which cookies are sessions, and that a hostile Cookie field cannot make the look expensive.

import { describe, expect, it } from 'vitest'
import { SESSION_COOKIES, SESSION_EXCEPTIONS, TRACKING_ARGUMENTS } from '../../node-writer/policy/defaults.js'
import { hostsRegex, queryNamesRegex, sessionCookieRegex } from '../../node-writer/policy/globs.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { countSteps } from './policy_step_counter.js'

const session = loadPolicy({}).sessionCookie as RegExp

describe('default session cookies', () => {
  it.each([
    'session=1', 'sessionid=1', 'SESSION=1', 'session_id=1', 'my_session=1', 'ci_session=1', '__session=1', 'PHPSESSID=1', 'JSESSIONID=1', 'ASPSESSIONIDQQ=1', 'ASP.NET_SessionId=1',
    'SESS49960de5880e8c687434170f6476605b=1', 'SSESSabc=1', 'koa.sess=1', 'express:sess=1', 'connect.sid=s%3A1', 'sails.sid=1', 'sid=1', 'app_sid=1', '.AspNetCore.Identity.Application=1', '.ASPXAUTH=1',
    'laravel_session=1', 'wordpress_logged_in_abc=1', 'wordpress_sec_abc=1', 'wp-postpass_abc=1', 'comment_author_abc=1', 'next-auth.session-token=1', '__Secure-next-auth.session-token.0=1',
    '__Host-authjs.session-token=1', 'sb-abc-auth-token=1', 'auth0=1', '_oauth2_proxy=1', 'CF_Authorization=1', 'access_token=1', 'id_token=1', 'remember_token=1', 'remember_web_59ba36=1', 'REMEMBERME=1',
    'jwt=1', 'user_jwt=1', 'XSRF-SESSION-x=1; sid=1', '_app_key=1', 'fe_typo_user=1', '_t=1', 'ghost-members-ssr=1', 'woocommerce_items_in_cart=1', 'wp_woocommerce_session_abc=1', 'cart=1', 'wikiUserID=1',
    // wherever it stands, however it is written
    'a=1; PHPSESSID=2; b=3', 'a=1;PHPSESSID=2', 'a=1;\tPHPSESSID=2', ' PHPSESSID=2', 'PHPSESSID =2', 'PHPSESSID', 'a; PHPSESSID; b', 'PHPSESSID=', 'a=b=c; sid=1', '_ga=1; csrftoken=2; sessionid=3'
  ])('%s is one', (cookie) => expect(session.test(cookie)).toBe(true))

  it.each([
    '', 'theme=dark', 'lang=de', '_ga=GA1.2.3', '_ga_ABC=1', '_gid=1', '_fbp=1', '_gcl_au=1', '__utma=1', '_pk_id.1.abc=1', '_pk_ses.1.abc=1', '_hjSession_123=1', '_hjSessionUser_1=1', 'ai_session=1',
    '_uetsid=1', '_uetvid=1', 'AMP_TOKEN=1', 'cookie_consent=1', 'OptanonConsent=x', 'CookieConsent={}', 'euconsent-v2=1', 'csrftoken=1', 'XSRF-TOKEN=1', '_csrf=1', '__Host-next-auth.csrf-token=1',
    '__Secure-next-auth.callback-url=1', 'intercom-session-abc=1', 'rl_session=1', '_dc_gtm_UA=1', '_clck=1', '_clsk=1', '__cf_bm=1', 'cf_clearance=1', 'AWSALB=1', '_sp_ses.1fff=1', 'wordpress_test_cookie=1',
    // only names count
    'theme=sessionid', 'a=PHPSESSID=1', 'returnTo=/login?sid=1', 'a="x,PHPSESSID"'
  ])('%s is none', (cookie) => expect(session.test(cookie)).toBe(false))
})

describe('cookie globs', () => {
  const cases: { globs: string[]; except?: string[]; sessions: string[]; others: string[] }[] = [
    { globs: ['sid'], sessions: ['sid=1', 'SID=1', 'a=1; sid'], others: ['sid2=1', 'xsid=1', 'a=sid'] },
    { globs: ['m_*'], sessions: ['m_=1', 'm_x=1'], others: ['m=1', 'am_x=1'] },
    { globs: ['*_s'], sessions: ['_s=1', 'a_s=1', 'a_s_s=1', '; a_s '], others: ['a_sx=1', 's=1'] },
    { globs: ['*m*'], sessions: ['m=1', 'amb=1', 'xm'], others: ['a=m', 'b=1; c=m'] },
    { globs: ['a.b'], sessions: ['a.b=1'], others: ['axb=1'] },
    { globs: ['*s*'], except: ['s1', '*xs*'], sessions: ['s=1', 's1=1; s2=1', 's1x=1'], others: ['s1=1', 's1', ' s1 =1', 'axsb=1', 'a=1; s1=1'] },
    // Giving back white space must not lead past an exception.
    { globs: ['*s*'], except: ['s1'], sessions: [], others: ['a=1;   s1=1', '\t s1=1', ';;; s1'] }
  ]
  it.each(cases)('$globs except $except', ({ globs, except, sessions, others }) => {
    const regex = sessionCookieRegex(globs, except ?? []) as RegExp
    expect(sessions.filter((cookie) => !regex.test(cookie)), 'sessions').toEqual([])
    expect(others.filter((cookie) => regex.test(cookie)), 'others').toEqual([])
  })

  it('none at all', () => expect(sessionCookieRegex([], ['x'])).toBeNull())

  it.each([';', ' ', '; ', ';\t', '=', '; s', 's', 'se', 'ses', '; ses', 'x; aut', '_', '-si', '.si', 'logged', '; _hj', ';csr', 'a=', '; wordpress_', 'toke'])('a field full of %j costs a few steps a character', (word) => {
    const regex = sessionCookieRegex([...SESSION_COOKIES], [...SESSION_EXCEPTIONS]) as RegExp
    const steps = (length: number): number => countSteps(regex.source, word.repeat(length).slice(0, length), { anchored: false, ignoreCase: true, limit: 200 * length })
    // Linear: twice the length costs twice as much, give or take the first name.
    expect(steps(800)).toBeLessThan(2.5 * steps(400))
  })
})

describe('query names', () => {
  it.each(['utm_source', 'utm_', 'fbclid', 'gclid', 'gbraid', 'wbraid', 'dclid', 'msclkid', 'mc_cid', 'mc_eid', '_ga', '_ga_X', '_gl', 'yclid', 'igshid', 'ttclid', 'twclid', 'li_fat_id', 'srsltid', 'pk_campaign', 'mtm_campaign', 'matomo_kwd', 'hsa_acc', '_hsenc', 'vero_id', 'oly_enc_id'])(
    '%s is tracking', (name) => expect(queryNamesRegex([...TRACKING_ARGUMENTS])?.test(name)).toBe(true))

  it.each(['ref', 'sid', 'session', 'sessionid', 'source', 'campaign', 'id', 'pk', 'pk_id', 'q', 'page', 'utm', 'xutm_source', 'fbclid2', 'UTM_source', 'gamma', '_gamma', 'token', 'code', 'state', 'lang', ''])(
    '%s is not', (name) => expect(queryNamesRegex([...TRACKING_ARGUMENTS])?.test(name)).toBe(false))
})

describe('hosts', () => {
  const regex = hostsRegex(['Example.org', '*.example.net', 'localhost:8080', '[::1]:8080', '10.0.0.1']) as RegExp
  it.each(['example.org', 'a.example.net', 'a.b.example.net', 'localhost:8080', '[::1]:8080', '10.0.0.1'])('%s is served', (host) => expect(regex.test(host)).toBe(true))
  it.each(['example.org:8080', 'a.example.org', 'example.net', 'aexample.net', 'examplexorg', 'a.example.net:81', 'localhost', '[::1]', '10x0.0.1', 'example.org.evil.test', 'evil.test/example.org', ''])('%s is not', (host) => expect(regex.test(host)).toBe(false))
  it('none means any', () => expect(hostsRegex([])).toBeNull())
})
