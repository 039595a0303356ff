"""Packages that only some exports need, in the extra `exports`."""

from __future__ import annotations

from importlib.util import find_spec

from roadmap_assets.errors import MissingExtra


def check_installed(package: str, *, what: str) -> None:
    """Raise MissingExtra, with the command that installs it, where the package is missing; `what` needs it."""
    if find_spec(package) is None:
        raise MissingExtra(
            f"{what} needs the package {package}; install it with: pip install 'roadmap-assets[exports]'"
        )
