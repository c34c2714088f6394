// Two models of Remult, an ORM, with the hooks that run after a row has been saved or deleted.

import { describeEntity, Fields, InMemoryDataProvider, Remult } from 'remult'

/** `changed` is told the tags of the pages that show a row. */
export function createModels(changed) {
  class Author {}
  class Article {}

  // Its own page, and the articles that have its name above them.
  const authorChanged = (author) => changed(`author:${author.id}`)
  describeEntity(Author, 'authors', { id: Fields.autoIncrement(), name: Fields.string() }, { saved: authorChanged, deleted: authorChanged })

  // Its own page, and every list.
  const articleChanged = (article) => changed(`article:${article.id}`, 'articles')
  describeEntity(Article, 'articles', { id: Fields.autoIncrement(), title: Fields.string(), authorId: Fields.integer() }, { saved: articleChanged, deleted: articleChanged })

  // In memory, so that this runs anywhere; any other of its databases will do.
  const remult = new Remult(new InMemoryDataProvider())
  return { authors: remult.repo(Author), articles: remult.repo(Article) }
}
