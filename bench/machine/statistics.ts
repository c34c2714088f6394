// Medians, because a machine that does other things as well has outliers in one direction only.

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Between the values next to it; `part` from 0 to 1. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const below = sorted[Math.floor(place)] as number
  return below + ((sorted[Math.ceil(place)] as number) - below) * (place - Math.floor(place))
}
