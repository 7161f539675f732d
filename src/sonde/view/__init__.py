"""People look: summary, query, protocols, progress, and the library that they stand on."""
