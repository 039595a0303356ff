"""`python -m roadmap_assets.cli …` is `roadmap-assets …`."""

from roadmap_assets.cli.main import main

main(prog_name="roadmap-assets")
