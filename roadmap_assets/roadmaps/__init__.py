"""Where topics come from: sources, documents, hierarchy, texts."""
