// What a step of the story expected and what came.

export class Difference extends Error {
  constructor(readonly what: string, readonly expected: string, readonly came: string) {
    super(what)
  }
}

export function check(what: string, came: unknown, expected: unknown): void {
  if (came !== expected) throw new Difference(what, show(expected), show(came))
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text
}
