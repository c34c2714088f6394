// In every process that runs tests: ends with the vitest that started it. Otherwise a vitest that is killed leaves
// behind a worker that waits for a test, and the servers of that test with it.
process.once('disconnect', () => process.exit(1))
