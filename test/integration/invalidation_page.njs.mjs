// The way of a hit, as short as it can be: look the entry up, ask the ban list, answer. Built by the test for njs.
import checkBans from '../../njs/bans.ts'
import { FIXED_BYTES, headBytes, parseHead } from '../../njs/core/entry.ts'

function page(r) {
  r.subrequest('/.samekey/entry', { method: 'GET' }, (reply) => {
    const item = reply.responseBuffer
    const bytes = reply.status === 200 ? headBytes(item.slice(0, FIXED_BYTES).toString()) : -1
    const head = bytes < 0 ? null : parseHead(item.slice(0, bytes).toString(), item.length)
    if (head === null) return r.return(404, 'no entry')
    checkBans(r, head.clock, head.tags.join(','), '', (good) => {
      if (good) r.return(head.status, item.slice(bytes))
      else r.return(404, 'stale')
    })
  })
}

export default { page }
