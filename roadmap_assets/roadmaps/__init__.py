"""Where topics come from: sources, documents, hierarchy, texts."""

from __future__ import annotations

from typing import Final

PARSER_VERSION: Final = "5"
"""Raise it whenever the same snapshot yields another topics table, so that existing tables are rebuilt."""
