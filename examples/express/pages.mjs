// What the visitor sees: each page is a title and a body, layout() makes a document of them.

import { chart } from './chart.mjs'
import { html } from './html.mjs'
import * as sky from './stars.mjs'

/** `ms`, `at` and `number` say when and at what cost this copy was made: a copy from the cache keeps them. */
export function layout({ title, body, url, user, ms, at, number }) {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Named stars</title>
<link rel="canonical" href="${url}">
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header>
<a class="brand" href="/">Named stars</a>
<nav aria-label="Site"><a href="/constellations">Constellations</a> <a href="/search">Search</a> ${account(user)}</nav>
</header>
<main id="main">
<h1>${title}</h1>
${body}
</main>
<footer>
<p><strong>Rendered in ${Math.round(ms)} ms at ${clock(at)}, render no. ${number}.</strong> Reload: while this line stays the same, the app is not asked.</p>
</footer>
</body>
</html>
`.toString()
}

const clock = (date) => date.toISOString().slice(11, 23) + ' UTC'

function account(user) {
  if (!user) return html`<a href="/login">Sign in</a>`
  return html`<span>Hello ${user}</span> <a href="/admin">Admin</a> <form class="inline" method="post" action="/logout"><button>Sign out</button></form>`
}

// ------------------------------------------------------------------------------------------------------- public pages

export function front() {
  return {
    title: 'The stars that have a name',
    body: html`<p class="lead">Of the 5,000 stars one can see without a telescope, ${sky.stars.length} have a name of their own. These are the brightest.</p>
<ol class="cards">${sky.stars.slice(0, 12).map((star) => html`<li><a href="/stars/${star.slug}">${dotted(star)}</a>
<p>${star.note || `${sky.constellationOf(star).english}, magnitude ${star.magnitude}`}</p></li>`)}</ol>
<h2>Where to go</h2>
<ul>
<li><a href="/constellations">All constellations</a>, each with its figure</li>
<li><a href="/search?q=al&amp;sort=name">Names with “al”</a>, many of them Arabic</li>
<li><a href="/search?hue=red&amp;hue=orange&amp;sort=hue&amp;sort=brightness">Red and orange stars</a>, the coolest ones</li>
<li><a href="/login">Sign in</a> and edit a star: its page and this one are rendered anew</li>
</ul>`
  }
}

export function constellations() {
  return {
    title: 'Constellations',
    body: html`<ul class="columns">${sky.constellations.map((one) => html`<li><a href="/constellations/${one.slug}">${one.name}</a> <small>${one.english}</small></li>`)}</ul>`
  }
}

export function constellation(one) {
  const stars = sky.starsOf(one)
  return {
    title: one.name,
    body: html`<p class="lead">${one.english !== one.name && `The ${one.english}. `}A star in it is named “${one.genitive}”.</p>
${chart(one, stars)}
${table(stars)}`
  }
}

export function star(star) {
  const home = sky.constellationOf(star)
  const kelvin = sky.temperatureOf(star)
  return {
    title: star.name,
    body: html`${star.note && html`<p class="lead">${star.note}</p>`}
<dl>
<dt>Constellation</dt><dd><a href="/constellations/${home.slug}">${home.name}</a> (${star.designation})</dd>
<dt>Magnitude</dt><dd>${star.magnitude}${times(star)}</dd>
<dt>Colour</dt><dd>${dotted(star, sky.hueOf(star))}${kelvin && `, about ${kelvin.toLocaleString('en')} K at the surface`}</dd>
<dt>Position</dt><dd>right ascension ${(star.rightAscension / 15).toFixed(2)} h, declination ${star.declination.toFixed(1)}°</dd>
<dt>Can be seen</dt><dd>${visibility(star.declination)}</dd>
<dt>Catalogue</dt><dd>Hipparcos ${star.hipparcos}</dd>
</dl>
<h2>Close to it in the sky</h2>
<ul>${sky.neighboursOf(star).map((near) => html`<li><a href="/stars/${near.star.slug}">${near.star.name}</a>, ${near.degrees.toFixed(1)}° away</li>`)}</ul>
<h2>Seen by visitors</h2>
${star.sightings.length === 0 ? html`<p>Nobody yet.</p>` : html`<ul>${star.sightings.map(({ text, at }) => html`<li>${text} <small>${clock(at)}</small></li>`)}</ul>`}
<form method="post" action="/stars/${star.slug}/sightings">
<label>Where did you see it? <input name="text" maxlength="200" required></label> <button>Add</button>
</form>`
  }
}

function times(star) {
  const factor = sky.timesFainterThanSirius(star)
  return factor < 1.05 ? ', nothing at night is brighter' : `, ${factor < 10 ? factor.toFixed(1) : Math.round(factor)} times fainter than Sirius`
}

function visibility(declination) {
  const limit = Math.round(90 - Math.abs(declination))
  return limit >= 85 ? 'from all the inhabited world' : declination > 0 ? `north of ${limit}° south` : `south of ${limit}° north`
}

export function search({ q, hues, sort, page, pages, total, stars }) {
  return {
    title: 'Search',
    body: html`<form method="get" action="/search" role="search">
<p><label>Name or constellation <input type="search" name="q" value="${q}"></label></p>
<fieldset><legend>Colour</legend>${sky.HUES.map((hue) => html`<label><input type="checkbox" name="hue" value="${hue}"${hues.includes(hue) && html` checked`}> ${hue}</label> `)}</fieldset>
<p><label>Sorted by <select name="sort">${sky.SORTS.map((name) => html`<option${sort[0] === name && html` selected`}>${name}</option>`)}</select></label> <button>Search</button></p>
</form>
<p aria-live="polite">${total === 1 ? '1 star' : `${total} stars`}, by ${sort.join(', then by ')}, page ${page} of ${pages}.</p>
${table(stars)}
<nav class="pages" aria-label="Result pages">${page > 1 && link('Previous', page - 1)} ${page < pages && link('Next', page + 1)}</nav>`
  }

  function link(text, to) {
    const query = new URLSearchParams([...hues.map((hue) => ['hue', hue]), ['page', to], ['q', q], ...sort.map((name) => ['sort', name])])
    return html`<a href="/search?${query}">${text}</a>`
  }
}

export function notFound() {
  return { title: 'Not found', body: html`<p>There is no such page. <a href="/">All named stars</a> are here.</p>` }
}

export function notPurged(error) {
  return { title: 'Saved, but not shown yet', body: html`<p>memcached did not confirm the purge, so visitors may get the old page for up to ten minutes.</p><p>${error.message}</p>` }
}

// -------------------------------------------------------------------------------------------------- account and admin

export function login(problem) {
  return {
    title: 'Sign in',
    body: html`<p>The sign on the door says: name <code>ada</code>, password <code>lovelace</code>.</p>
${problem && html`<p role="alert">${problem}</p>`}
<form method="post" action="/login">
<p><label>Name <input name="name" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<button>Sign in</button>
</form>`
  }
}

export function admin() {
  return {
    title: 'Admin',
    body: html`<p class="lead">Choose a star and write its note.</p>
<ul class="columns">${sky.stars.map((star) => html`<li><a href="/admin/stars/${star.slug}">${star.name}</a>${star.note && ' ✎'}</li>`)}</ul>`
  }
}

export function edit(star) {
  return {
    title: `Edit ${star.name}`,
    body: html`<form method="post" action="/admin/stars/${star.slug}">
<p><label>Note <textarea name="note" rows="4" maxlength="2000">${star.note}</textarea></label></p>
<button>Save</button> The page of ${star.name} and the front page are rendered anew.
</form>`
  }
}

// ------------------------------------------------------------------------------------------------------------- pieces

function dotted(star, text = star.name) {
  return html`<span class="dot ${sky.hueOf(star)}" aria-hidden="true"></span>${text}`
}

function table(stars) {
  return html`<table>
<thead><tr><th scope="col">Name</th><th scope="col">Designation</th><th scope="col">Magnitude</th><th scope="col">Colour</th></tr></thead>
<tbody>${stars.map((star) => html`<tr><th scope="row"><a href="/stars/${star.slug}">${star.name}</a></th><td>${star.designation}</td><td>${star.magnitude.toFixed(2)}</td><td>${dotted(star, sky.hueOf(star))}</td></tr>
`)}</tbody>
</table>`
}
