// `npx tsx test/differential/main.ts [count] [seed]`: compares so many responses, 100000 by default, and prints what
// explains the differences. Ends with 1 when something is not explained.

import { compareAll } from './compare.js'

const [count = '100000', seed = '1'] = process.argv.slice(2)
const { compared, different, explained, unexplained } = compareAll(Number(seed), Number(count))
console.log(`${compared} responses, ${different} judged differently, ${unexplained.length} of them unexplained`)
console.table(Object.fromEntries(explained))
for (const { response, outcomes } of unexplained.slice(0, 10)) console.log(JSON.stringify(response), JSON.stringify(outcomes))
if (unexplained.length > 0) process.exitCode = 1
