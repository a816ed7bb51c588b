/** The resources whose changes somebody waits to hear of, and by how many. */
export interface Watched {
  /** Counts them once more until what it returns is called. */
  add(uris: Iterable<string>): () => void
  uris(): Iterable<string>
}

export function watchedUris(): Watched {
  const counts = new Map<string, number>()
  return {
    add(uris) {
      const added = new Set(uris)
      for (const uri of added) counts.set(uri, (counts.get(uri) ?? 0) + 1)
      return () => {
        for (const uri of added) {
          const left = (counts.get(uri) ?? 1) - 1
          if (left > 0) counts.set(uri, left)
          else counts.delete(uri)
        }
        // A second call lets go of nothing.
        added.clear()
      }
    },
    uris: () => counts.keys(),
  }
}
