// The data of the site: stars and constellations read once, notes and sightings kept in memory.

import { readFileSync } from 'node:fs'

const read = (name) => JSON.parse(readFileSync(new URL(`data/${name}`, import.meta.url), 'utf8'))

/** Brightest first. `note` is the editor's text, `sightings` what visitors wrote, newest first. */
export const stars = read('stars.json').map((star) => ({ ...star, note: '', sightings: [] }))
export const constellations = read('constellations.json')

const starsBySlug = new Map(stars.map((star) => [star.slug, star]))
const constellationsBySlug = new Map(constellations.map((constellation) => [constellation.slug, constellation]))
const constellationsById = new Map(constellations.map((constellation) => [constellation.id, constellation]))

export const findStar = (slug) => starsBySlug.get(slug)
export const findConstellation = (slug) => constellationsBySlug.get(slug)
export const constellationOf = (star) => constellationsById.get(star.constellation)
export const starsOf = (constellation) => stars.filter((star) => star.constellation === constellation.id)

// -------------------------------------------------------------------------------------------------------------- facts

export const HUES = ['blue', 'white', 'yellow', 'orange', 'red']

/** By the colour index B-V, roughly the spectral classes B, A to F, G, K and M. */
export function hueOf(star) {
  const index = star.colourIndex
  if (index === null) return 'white'
  return index < -0.02 ? 'blue' : index < 0.5 ? 'white' : index < 0.85 ? 'yellow' : index < 1.4 ? 'orange' : 'red'
}

/** Kelvin, from the colour index (Ballesteros 2012); null when there is none. */
export function temperatureOf(star) {
  const index = star.colourIndex
  return index === null ? null : Math.round((4600 * (1 / (0.92 * index + 1.7) + 1 / (0.92 * index + 0.62))) / 100) * 100
}

/** How many stars like this one are as bright as Sirius: five magnitudes are a factor of 100. */
export const timesFainterThanSirius = (star) => 100 ** ((star.magnitude - stars[0].magnitude) / 5)

/** Degrees between two stars in the sky. */
export function separation(a, b) {
  const [ra, dec, raB, decB] = [a.rightAscension, a.declination, b.rightAscension, b.declination].map((degrees) => (degrees * Math.PI) / 180)
  const cosine = Math.sin(dec) * Math.sin(decB) + Math.cos(dec) * Math.cos(decB) * Math.cos(ra - raB)
  return (Math.acos(Math.min(1, cosine)) * 180) / Math.PI
}

export function neighboursOf(star, count = 5) {
  return stars
    .filter((other) => other !== star)
    .map((other) => ({ star: other, degrees: separation(star, other) }))
    .sort((a, b) => a.degrees - b.degrees)
    .slice(0, count)
}

// ------------------------------------------------------------------------------------------------------------- search

const PER_PAGE = 20

const COMPARE = {
  brightness: (a, b) => a.magnitude - b.magnitude,
  name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  constellation: (a, b) => (a.constellation < b.constellation ? -1 : a.constellation > b.constellation ? 1 : 0),
  hue: (a, b) => HUES.indexOf(hueOf(a)) - HUES.indexOf(hueOf(b))
}

export const SORTS = Object.keys(COMPARE)

/** `sort` may be given several times: the first counts, the next decides between equals. So the order of its values matters. */
export function searchStars(query) {
  const q = String(list(query.q)[0] ?? '').trim().slice(0, 50)
  const hues = list(query.hue).filter((hue) => HUES.includes(hue))
  const sort = list(query.sort).filter((name) => SORTS.includes(name))
  if (sort.length === 0) sort.push('brightness')

  const found = stars.filter((star) => matches(star, q.toLowerCase()) && (hues.length === 0 || hues.includes(hueOf(star))))
  found.sort((a, b) => sort.reduce((order, name) => order || COMPARE[name](a, b), 0))

  const pages = Math.max(1, Math.ceil(found.length / PER_PAGE))
  const page = Math.min(pages, Math.max(1, Math.trunc(Number(list(query.page)[0])) || 1))
  return { q, hues, sort, page, pages, total: found.length, stars: found.slice((page - 1) * PER_PAGE, page * PER_PAGE) }
}

function matches(star, text) {
  const constellation = constellationOf(star)
  return [star.name, star.designation, constellation.name, constellation.english].some((field) => field.toLowerCase().includes(text))
}

const list = (value) => (value === undefined ? [] : [value].flat().map(String))
