// The template tag: html`…` escapes what is put in, unless that is html itself.

class Html {
  constructor(text) {
    this.text = text
  }
  toString() {
    return this.text
  }
}

/** Strings and numbers are escaped, html is not, lists are joined, null, undefined and false are nothing. */
export function html(strings, ...values) {
  return new Html(strings.reduce((text, string, index) => text + show(values[index - 1]) + string))
}

function show(value) {
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(show).join('')
  if (value === null || value === undefined || value === false) return ''
  return String(value).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
