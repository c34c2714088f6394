// The purge log: a line of JSON for each purge, appended to a file that is opened anew each time, so that it can be
// rotated at will.

import { appendFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { PurgeRecord } from '../node-writer/purge_record.js'
import { type Io, json, usageError } from './io.js'

/** The file must be writable now; when it is not later, that is told, and the purge is not held up. */
export function openPurgeLog(file: string, io: Io, onTrouble: (message: string) => void): (record: PurgeRecord) => void {
  const path = resolve(io.cwd, file)
  const append = (text: string): void => appendFileSync(path, text, { mode: 0o640 })
  try {
    append('')
  } catch (error) {
    throw usageError(`--purge-log: ${(error as Error).message}`)
  }
  return (record) => {
    try {
      append(json(logLine(record)))
    } catch (error) {
      onTrouble(`the purge log cannot be written: ${(error as Error).message}`)
    }
  }
}

/** Of the keys of a page only how many: they follow from the URL. */
export function logLine({ pages, ...record }: PurgeRecord): object {
  return { ...record, pages: pages.map(({ url, keys }) => ({ url, keys: keys.length })) }
}
