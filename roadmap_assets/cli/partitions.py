"""`roadmap-assets partitions`: the roadmaps that Dagster knows as partitions."""

from __future__ import annotations

import click

from roadmap_assets.cli import console


@click.group()
def partitions() -> None:
    """List, add or remove the roadmaps that Dagster knows as partitions (of the instance at DAGSTER_HOME)."""


@partitions.command("list")
def list_() -> None:
    """List the partitions, in Dagster's order."""
    from roadmap_assets.defs.partitions import known_roadmaps, open_instance

    with open_instance() as instance:
        for slug in known_roadmaps(instance):
            click.echo(slug)


@partitions.command()
@click.argument("slugs", metavar="ROADMAP...", nargs=-1, required=True)
@click.option("--source", metavar="S", help="live, sample, or a directory.  [default: ROADMAP_SOURCE, else live]")
def add(slugs: tuple[str, ...], source: str | None) -> None:
    """Add partitions for roadmaps of the source; one that it does not have is refused, and then none is added."""
    from roadmap_assets.cli.sources import list_roadmaps
    from roadmap_assets.defs.partitions import ROADMAPS, known_roadmaps, open_instance
    from roadmap_assets.roadmaps.sources.base import check_slug, unknown_roadmap
    from roadmap_assets.settings import load_settings

    settings = load_settings(source=source)
    with open_instance() as instance:
        there = list_roadmaps(settings)
        for slug in slugs:
            if check_slug(slug) not in there:
                raise unknown_roadmap(slug, source=settings.source, slugs=there)
        new = [slug for slug in dict.fromkeys(slugs) if slug not in known_roadmaps(instance)]
        instance.add_dynamic_partitions(ROADMAPS.name or "", new)
    console.note(f"Added: {', '.join(new)}" if new else "Nothing to add: Dagster knows them already.")


@partitions.command()
@click.argument("slugs", metavar="ROADMAP...", nargs=-1, required=True)
def remove(slugs: tuple[str, ...]) -> None:
    """Remove partitions. The roadmaps' tables and files stay, and so does what Dagster logged about them."""
    from roadmap_assets.defs.partitions import ROADMAPS, known_roadmaps, open_instance
    from roadmap_assets.errors import InvalidSetting

    with open_instance() as instance:
        known = known_roadmaps(instance)
        if unknown := [slug for slug in slugs if slug not in known]:
            raise InvalidSetting(
                f"no partition is called {unknown[0]!r}; list those there are with: roadmap-assets partitions list"
            )
        for slug in slugs:
            instance.delete_dynamic_partition(ROADMAPS.name or "", slug)
    console.note(f"Removed: {', '.join(slugs)}")
