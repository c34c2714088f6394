// An Express app that keeps its pages in its own process, with apicache.
import type { Folder } from '../machine/folder.js'
import { startOrigin } from '../origin/origin.js'
import { storeByAsking, type Subject } from './subject.js'

export async function startExpressCache(folder: Folder): Promise<Subject> {
  const app = await startOrigin(folder, { apicache: true })
  return { id: 'Express with apicache', port: app.port, workers: app.pids, system: app.pids, hitStatus: null, origin: app, store: storeByAsking(app.port, null) }
}
