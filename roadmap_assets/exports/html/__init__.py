"""Pages: one self-contained HTML file a roadmap, and an index over all of them."""
