"""One partition per roadmap; its key is the roadmap's slug. The sensor `new_roadmaps` and the command line add them."""

from __future__ import annotations

from typing import Final

import dagster as dg

ROADMAPS: Final = dg.DynamicPartitionsDefinition(name="roadmap")
