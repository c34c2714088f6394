// Raw mode, when the policy's routes have several types: memcached keeps none.

/** js_header_filter: the Content-Type of the route. */
function type(r: NginxHTTPRequest): void {
  r.headersOut['Content-Type'] = r.variables.samekey_type as string
}

export default { type }
