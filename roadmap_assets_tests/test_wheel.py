"""The wheel holds the package and what it needs at run time, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "roadmap_assets"
BUILD = "from setuptools import build_meta; build_meta.build_wheel('out')"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy of the project, so that nothing is left in the work tree."""
    project = tmp_path_factory.mktemp("project")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, project)
    for name in ("roadmap_assets", "roadmap_assets_tests"):
        shutil.copytree(REPOSITORY / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "out").mkdir()
    subprocess.run([sys.executable, "-c", BUILD], cwd=project, check=True, capture_output=True)
    [built] = (project / "out").glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_is_the_package_whole_and_without_its_tests(wheel: zipfile.ZipFile) -> None:
    files = {path.relative_to(REPOSITORY).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == {name for name in files if "__pycache__" not in name}
    assert "roadmap_assets/defs/dagster.yaml" in shipped  # docs/operations.md says how to copy it


def test_the_wheel_requires_the_first_filelock_that_notices_a_deleted_lock_file(wheel: zipfile.ZipFile) -> None:
    """Leases delete the file of a dead holder; a lock on a deleted file would exclude nobody."""
    [metadata] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    required = Parser().parsestr(wheel.read(metadata).decode()).get_all("Requires-Dist", [])
    [filelock] = [Requirement(text) for text in required if text.startswith("filelock")]
    assert not filelock.specifier.contains("3.20.3")
    assert filelock.specifier.contains("3.20.4")
