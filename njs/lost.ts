// The body of an entry is not to be had, and its fields are set already.

import leave from './leave.js'

/** js_content of @samekey_lost. */
export default function lost(r: NginxHTTPRequest): void {
  // They must not stand in the answer of the app.
  const names = Object.keys(r.headersOut)
  for (let i = 0; i < names.length; i++) delete r.headersOut[names[i] as string]
  const variables = r.variables
  const appAway = (variables.samekey_said as string).indexOf('app-away') >= 0
  if (appAway) variables.samekey_said = 'samekey; fwd=uri-miss'
  leave(r, 'uri-miss', appAway)
}
