"""The start of the command line: `roadmap-assets …` and `python -m roadmap_assets.cli …`."""

import gc
import sys

# Imports make objects that stay: looking for garbage after every 700 of them takes a twentieth of a cached run.
gc.set_threshold(100_000)

# DuckDB compares parameters to pandas.NaT, and would spend a quarter of a second on importing pandas for it.
sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]

from roadmap_assets.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="roadmap-assets")
