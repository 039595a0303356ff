"""The asset `roadmap_page`."""

from __future__ import annotations

from pathlib import Path

from roadmap_assets_tests.defs.project import WITH_PAGE, Project, failures, made


def test_a_run_ends_with_a_page_for_each_roadmap_and_an_index(project: Project) -> None:
    project.write("art")
    project.write("music", ["Scales", "Chords"])
    result = project.run("art", "music", assets=WITH_PAGE)
    assert result.success, failures(result)
    assert made(result)["roadmap_page"] == ["art", "music"]
    found = project.metadata("roadmap_page", "music")
    page, index = Path(found["page"]), Path(found["index"])
    assert (page, index) == (project.folder / "site" / "music.html", project.folder / "site" / "index.html")
    assert found["bytes"] == page.stat().st_size
    assert "Chords" in page.read_text("utf-8")
    assert all(f'href="{slug}.html"' in index.read_text("utf-8") for slug in ("art", "music"))


def test_a_roadmap_that_cannot_be_read_has_no_page(project: Project) -> None:
    project.write("art")
    project.write("empty", topics=())
    project.know("art", "empty")
    result = project.run("art", "empty", assets=WITH_PAGE)
    assert result.success, failures(result)
    assert made(result)["roadmap_page"] == ["art"]
    assert sorted(path.name for path in (project.folder / "site").iterdir()) == ["art.html", "index.html"]
