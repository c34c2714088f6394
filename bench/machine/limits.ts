/** memcached's -I, and what the writer is told of it. */
export const MAX_ITEM_BYTES = 2 * 1024 * 1024
