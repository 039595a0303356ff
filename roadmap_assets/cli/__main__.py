"""The start of the command line: `roadmap-assets …` and `python -m roadmap_assets.cli …`."""

import gc
import os
import sys

# Imports make objects that stay: looking for garbage after every 700 of them takes a twentieth of a cached run.
gc.set_threshold(100_000)

# DuckDB compares parameters to pandas.NaT, and would spend a quarter of a second on importing pandas for it.
sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]

# Pydantic looks through every package that is installed for plugins, before it makes its first model.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from roadmap_assets.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="roadmap-assets")
