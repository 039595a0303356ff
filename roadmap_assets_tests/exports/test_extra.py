"""An export whose package is missing says how to get it."""

from __future__ import annotations

import pytest

from roadmap_assets.errors import MissingExtra
from roadmap_assets.exports.extra import check_installed


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    check_installed("json", what="writing .json")
    with pytest.raises(
        MissingExtra, match=r"writing \.odd needs the package no_such_package.*pip install 'roadmap-assets\[exports\]'"
    ):
        check_installed("no_such_package", what="writing .odd")
