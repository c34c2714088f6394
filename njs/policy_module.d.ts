// The policy as `samekey nginx` writes it beside the built module: literals only, because a throw at the top level
// of an imported module passes `nginx -t` and then breaks every request.
declare module 'samekey_policy.js' {
  function policy(): import('./core/policy.js').Policy
  export default policy
}
