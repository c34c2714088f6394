// What `import … from 'samekey'` gives.

export { pageCache, type PageCache, type PageCacheOptions } from './page_cache.js'
export type { PageCacheEvents, SkipReason } from './events.js'
export { PurgeError, type PurgeResult } from './purge.js'
export { Store, StoreError, type SetOptions, type StoredValue, type StoreErrorCode, type StoreOptions } from './store.js'
export { keysOfUrl, resolveRequest, resolveUrl } from './key.js'
export { readRequest } from './node_request.js'
export { loadPolicy, PolicyError } from './policy/load.js'
export type { LoadedPolicy, PolicyDocument } from './policy/types.js'
export type { BypassReason } from '../njs/core/decide.js'
export type { CacheRequest } from '../njs/core/request.js'
export type { Verdict } from '../njs/core/resolve.js'
