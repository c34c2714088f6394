// A constellation as it stands in the sky, drawn as SVG: stereographic, north up, east to the left.

import { html } from './html.mjs'
import { hueOf } from './stars.mjs'

const WIDTH = 640
const MARGIN = 40
const MAX_HEIGHT = 560

export function chart(constellation, stars) {
  const points = [...constellation.lines.flat(), ...stars.map((star) => [star.rightAscension, star.declination])]
  const project = projection(centreOf(points))
  const flat = points.map(project)
  const [left, right] = [Math.min(...flat.map((p) => p[0])), Math.max(...flat.map((p) => p[0]))]
  const [top, bottom] = [Math.min(...flat.map((p) => p[1])), Math.max(...flat.map((p) => p[1]))]
  const scale = Math.min((WIDTH - 2 * MARGIN) / (right - left || 1), (MAX_HEIGHT - 2 * MARGIN) / (bottom - top || 1))
  const height = Math.round((bottom - top) * scale + 2 * MARGIN)
  const indent = (WIDTH - (right - left) * scale) / 2
  const place = (point) => project(point).map((value, axis) => ((value - (axis === 0 ? left : top)) * scale + (axis === 0 ? indent : MARGIN)).toFixed(1))

  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="The figure of ${constellation.name}">
${constellation.lines.map((line) => html`<polyline points="${line.map((point) => place(point).join(',')).join(' ')}"/>`)}
${stars.map((star) => dot(star, place([star.rightAscension, star.declination])))}
</svg>`
}

function dot(star, [x, y]) {
  const radius = Math.max(2, 7 - 1.2 * star.magnitude).toFixed(1)
  const label = star.magnitude < 3.2 && html`<text x="${Number(x) + Number(radius) + 4}" y="${Number(y) + 4}">${star.name}</text>`
  return html`<a href="/stars/${star.slug}"><title>${star.name}</title><circle class="${hueOf(star)}" cx="${x}" cy="${y}" r="${radius}"/>${label}</a>`
}

/** The mean direction, so that a figure across right ascension 0 or around a pole stays in one piece. */
function centreOf(points) {
  let [x, y, z] = [0, 0, 0]
  for (const [ra, dec] of points.map(radians)) {
    x += Math.cos(dec) * Math.cos(ra)
    y += Math.cos(dec) * Math.sin(ra)
    z += Math.sin(dec)
  }
  return [Math.atan2(y, x), Math.atan2(z, Math.hypot(x, y))]
}

function projection([centreRa, centreDec]) {
  return (point) => {
    const [ra, dec] = radians(point)
    const away = Math.sin(centreDec) * Math.sin(dec) + Math.cos(centreDec) * Math.cos(dec) * Math.cos(ra - centreRa)
    const east = Math.cos(dec) * Math.sin(ra - centreRa)
    const north = Math.cos(centreDec) * Math.sin(dec) - Math.sin(centreDec) * Math.cos(dec) * Math.cos(ra - centreRa)
    return [-east / (1 + away), -north / (1 + away)]
  }
}

const radians = ([ra, dec]) => [(ra * Math.PI) / 180, (dec * Math.PI) / 180]
