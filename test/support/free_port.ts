// A free port that stays free until its server listens: below the range from which the kernel gives ports to outgoing
// connections (Linux: from 32768), because one of those could take it in between.
import { randomInt } from 'node:crypto'
import getPort from 'get-port'

export function freePort(): Promise<number> {
  return getPort({ port: Array.from({ length: 64 }, () => randomInt(15_000, 32_768)) })
}
