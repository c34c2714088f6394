// Colours, where a person looks.
import { styleText } from 'node:util'

export const paint: typeof styleText = (format, text) => (process.stdout.isTTY && process.env.NO_COLOR === undefined ? styleText(format, text) : text)
