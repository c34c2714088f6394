// The lists that a policy starts with. Each entry is here because sites that know nothing of it are better off; an
// entry that could be part of somebody's page does not belong here, however often it is only tracking.

/**
 * Arguments that analytics and advertising add to links and no app renders by: each of their values would make its
 * own copy of the page. Never a name that an app could have chosen itself: not `ref`, `source`, `campaign`, `id`,
 * `sid`, `session*`, and not `pk_*` as a whole, because a primary key is called `pk` too.
 */
export const TRACKING_ARGUMENTS: readonly string[] = [
  // Urchin, and everyone after it
  'utm_*',
  // Google: Analytics across domains, Ads, Display & Video, Merchant
  '_ga', '_ga_*', '_gl', 'gclid', 'gclsrc', 'gbraid', 'wbraid', 'dclid', 'gad_source', 'gad_campaignid', 'srsltid',
  // Meta: Facebook and Instagram
  'fbclid', 'fb_action_ids', 'fb_action_types', 'igshid', 'igsh',
  // Microsoft Ads, Yandex, TikTok, X, LinkedIn, Pinterest, Reddit, Snapchat, Taboola, Outbrain
  'msclkid', 'yclid', 'ymclid', 'ysclid', 'ttclid', 'twclid', 'li_fat_id', 'epik', 'rdt_cid', 'ScCid', 'tblci', 'obclid',
  // Matomo and Piwik campaigns
  'mtm_*', 'matomo_*', 'piwik_*', 'pk_campaign', 'pk_kwd', 'pk_keyword', 'pk_source', 'pk_medium', 'pk_content', 'pk_cid', 'pk_vid',
  // HubSpot
  'hsa_*', '_hsenc', '_hsmi', '__hstc', '__hssc', '__hsfp', 'hsCtaTracking',
  // Mail: Mailchimp, Vero, Omeda, Marketo, Klaviyo, MailerLite, Bronto
  'mc_cid', 'mc_eid', 'vero_id', 'vero_conv', 'oly_anon_id', 'oly_enc_id', 'mkt_tok', '_kx', 'ml_subscriber', 'ml_subscriber_hash', '_bta_tid', '_bta_c',
  // Adobe, Branch, Wicked Reports
  's_kwcid', 'ef_id', '_branch_match_id', 'wickedid'
]

/**
 * Cookies by which an app may know a visitor. A visitor with one of them is asked for by the app itself, not answered
 * from the cache; a page is never rendered for the cache with a cookie, so a name that is missing here shows a
 * visitor the public page and nobody a private one. Broad where the words are clear; SESSION_EXCEPTIONS has the rest.
 */
export const SESSION_COOKIES: readonly string[] = [
  // session, sessionid, PHPSESSID, JSESSIONID, ASPSESSIONID..., ASP.NET_SessionId, SSESS..., koa.sess, __session, ci_session, ...
  '*sess*',
  // connect.sid, _app_sid; not a bare *sid, which is how counters name theirs
  'sid', '*.sid', '*_sid', '*-sid',
  // Authentication by any name: .ASPXAUTH, auth.*, auth0, sb-...-auth-token, _oauth2_proxy, CF_Authorization
  '*auth*', '*token*', '*jwt*', 'sso*', '*_sso', 'saml*', 'KEYCLOAK_*',
  // "Remember me" and logged-in marks: remember_web_..., REMEMBERME, wordpress_logged_in_...
  'remember*', '*logged_in*', '*logged-in*', '*loggedin*', 'user_id', 'userid', 'username',
  // ASP.NET Core, Laravel, Phoenix, Plone, TYPO3, Ghost, Discourse, Drupal, Yii, CakePHP, ColdFusion, MediaWiki, Zope
  '.AspNetCore.*', '.AspNet.*', 'laravel_*', '*_key', '__ac', 'fe_typo_user', 'be_typo_user', 'ghost-*', '_t', 'NO_CACHE', '_identity*', 'CAKEPHP', 'CFID', '*UserID', '_ZopeId',
  // WordPress: logged in, a post's password, a commenter's own waiting comments
  'wordpress_sec*', 'wp-postpass*', 'comment_author*',
  // A basket makes a page somebody's own: WooCommerce, Easy Digital Downloads, Magento
  'woocommerce_items_in_cart', 'woocommerce_cart_hash', 'edd_items_in_cart', 'X-Magento-Vary', 'private_content_version', 'cart', 'cart_*', 'basket*'
]

/**
 * Cookies that the globs above would take for a session and that every anonymous visitor has: forgery tokens (a page
 * that shows one sets a cookie, and is not stored), analytics, chat windows, load balancers.
 */
export const SESSION_EXCEPTIONS: readonly string[] = [
  '*csrf*', '*xsrf*', '*callback-url', 'AMP_TOKEN',
  '_hj*', 'ai_session', 'ai_user', 'rl_session', 'optimizely*', 'intercom-*', 'crisp-client*', 'tt_session*', '_tt_session*', 'mp_*', 'cookiesession1', '_ga*', '_pk_*', '_sp_*'
]

/**
 * Fields by which many frameworks build URLs, choose a route, or answer with a part of the page or another form of
 * it. The key does not cover them, so a page that was rendered for one must never be shown to those without.
 */
export const UNKEYED_HEADERS: readonly string[] = [
  // Where the site is: absolute links and redirects follow them. Nginx sets Host, X-Forwarded-For and X-Forwarded-Proto itself.
  'forwarded', 'x-forwarded-host', 'x-forwarded-server', 'x-forwarded-port', 'x-forwarded-prefix', 'x-forwarded-scheme', 'x-forwarded-ssl', 'x-forwarded-path', 'x-forwarded-uri',
  'x-original-host', 'x-host', 'x-http-host-override', 'x-url-scheme', 'x-scheme', 'front-end-https', 'x-script-name',
  // Another page than the target says (Symfony, Zend, IIS rewrite)
  'x-original-url', 'x-rewrite-url', 'x-original-uri',
  // Another method than the request line says
  'x-http-method-override', 'x-http-method', 'x-method-override',
  // Next.js: middleware that can be skipped (CVE-2025-29927), payloads instead of pages (CVE-2024-46982)
  'x-middleware-subrequest', 'x-middleware-prefetch', 'x-middleware-rewrite', 'x-middleware-next', 'x-middleware-invoke', 'x-middleware-set-cookie',
  'x-nextjs-data', 'x-now-route-matches', 'x-matched-path', 'x-invoke-path', 'x-invoke-query', 'x-invoke-status', 'x-invoke-output', 'x-prerender-revalidate',
  'rsc', 'next-action', 'next-router-state-tree', 'next-router-prefetch', 'next-router-segment-prefetch', 'next-url',
  // A fragment or JSON at the page's own URL: XMLHttpRequest habits, PJAX, htmx, Turbo, Inertia, Livewire
  'x-requested-with', 'x-pjax', 'x-pjax-container', 'hx-request', 'hx-target', 'hx-boosted', 'hx-trigger', 'hx-trigger-name', 'hx-current-url', 'hx-history-restore-request',
  'turbo-frame', 'x-inertia', 'x-inertia-partial-data', 'x-inertia-partial-component', 'x-inertia-version', 'x-livewire',
  // Prefetching, which some apps answer with less
  'purpose', 'sec-purpose', 'x-purpose', 'x-moz'
]
