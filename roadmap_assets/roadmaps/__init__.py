"""Where topics come from: sources, documents, hierarchy, texts."""

from __future__ import annotations

from typing import Final

PARSER_VERSION: Final = "3"
"""To be raised whenever the same snapshot would yield another topics table, so that old tables are made anew."""
