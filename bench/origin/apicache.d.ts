// The part of apicache that the app uses; the package has no types.
declare module 'apicache' {
  import type { RequestHandler } from 'express'
  const apicache: { middleware(duration: string): RequestHandler }
  export default apicache
}
