"""The texts of roadmaps: files of a GitHub repository, `<folder>/<slug>/content/<name>@<topic id>.md`.

One request to GitHub's API lists every file of every roadmap with its blob sha (`Get a tree`,
https://docs.github.com/en/rest/git/trees). It is conditional, and an answer of 304 costs nothing of the 60 requests an
hour that are allowed without a token. Texts come from the host of raw files, which does not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from roadmap_assets.errors import InvalidSetting, SourceUnavailable
from roadmap_assets.roadmaps.sources.base import ListingStore, blob_sha, decode, is_slug
from roadmap_assets.roadmaps.sources.host import Host
from roadmap_assets.roadmaps.sources.http import LISTING, TEXT, Answer, not_understood, read_json

SETTING: Final = "ROADMAP_GITHUB_REPOSITORY, ROADMAP_GITHUB_BRANCH or ROADMAP_GITHUB_FOLDER"
_SHA: Final = re.compile(r"[0-9a-f]{40}")
_EXPECTED: Final = "the files of every roadmap as a git tree"

Files = Mapping[str, Mapping[str, str]]
"""slug -> name of a text file -> its blob sha"""


class Repository:
    """The texts in `folder` of a repository's branch.

    A repository that was renamed is found by GitHub's redirect, once: where it led is kept with the listing. `token`
    goes to the API alone.
    """

    def __init__(
        self,
        *,
        api: Host,
        raw: Host,
        repository: str,
        branch: str,
        folder: str,
        token: str | None = None,
        listings: ListingStore | None = None,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._api = api
        self._raw = raw
        self._repository = repository
        self._place = f"{branch}/{folder}".rstrip("/")
        self._tree = f"/repos/{repository}/git/trees/{quote(f'{branch}:{folder}', safe=':')}?recursive=1"
        self._token = token
        self._listings = listings
        self._on_notice = on_notice
        self._files: Files | SourceUnavailable | None = None

    def files(self) -> Files:
        """Every roadmap's text files, asked for once. Raises SourceUnavailable, or InvalidSetting for the token."""
        if self._files is None:
            try:
                self._files = self._list()
            except SourceUnavailable as silence:
                self._files = silence
        if isinstance(self._files, SourceUnavailable):
            raise SourceUnavailable(str(self._files))
        return self._files

    def text(self, slug: str, file: str, sha: str) -> str:
        """One text in its listed version. Raises SourceUnavailable."""

        def fault(answer: Answer) -> str:
            if answer.status != 200:
                return f"answered {answer.status}"
            return "" if blob_sha(answer.body) == sha else "is not the version that was listed"

        path = f"/{self._repository}/{self._place}/{slug}/content/{quote(file, safe='@')}"
        return decode(self._raw.get(path, limit=TEXT, fault=fault).body)

    # ---- listing --------------------------------------------------------------------------------------------------

    def _list(self) -> Files:
        key = f"{self._api.address}{self._tree}"
        stored = self._stored(key)
        answer = self._ask(stored["path"], stored["etag"]) if stored else self._ask(self._tree, "")
        if stored and answer.status == 404:  # what it was renamed to is gone too
            stored, answer = None, self._ask(self._tree, "")
        if stored and answer.status == 304:
            self._rename(stored["path"])
            return _by_slug(stored["files"])
        tree = read_json(answer, expected=_EXPECTED, setting=SETTING)
        files, malformed = self._texts(answer, tree)
        if malformed:
            self._on_notice(f"{malformed} malformed entries of GitHub's listing skipped ({answer.url})")
        path = answer.url.removeprefix(self._api.address) if answer.url.startswith(self._api.address) else self._tree
        self._rename(path)
        if self._listings and "ETag" in answer.headers:
            self._listings.save(key, answer.headers["ETag"], json.dumps({"path": path, "files": files}))
        return _by_slug(files)

    def _stored(self, key: str) -> dict[str, Any] | None:
        """The last listing: its path, ETag and files. None when there is none that can be read."""
        found = self._listings.load(key) if self._listings else None
        if found is None:
            return None
        try:
            stored = json.loads(found[1])
            return {"etag": found[0], "path": str(stored["path"]), "files": [(p, s) for p, s in stored["files"]]}
        except (ValueError, LookupError, TypeError):
            return None

    def _ask(self, path: str, etag: str) -> Answer:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if etag:
            headers["If-None-Match"] = etag
        answer = self._api.get(path, limit=LISTING, headers=headers)
        if answer.status == 401 and self._token:
            raise InvalidSetting(f"GITHUB_TOKEN is refused by {self._api.name}; renew it or unset it")
        return answer

    def _rename(self, path: str) -> None:
        """Take the repository's name from the path that answered, where that says it; ids of repositories do not."""
        if found := re.match(r"/repos/([\w.-]+/[\w.-]+)/git/", path):
            self._repository = found[1]

    def _texts(self, answer: Answer, tree: Any) -> tuple[list[tuple[str, str]], int]:
        """(path, sha) of every text of a roadmap, and how many entries are malformed.

        Paths are data: one that is not a roadmap's text is left out.
        """
        if not isinstance(tree, dict) or not isinstance(entries := tree.get("tree"), list):
            raise not_understood(answer, found="JSON of another shape", expected=_EXPECTED, setting=SETTING)
        if tree.get("truncated"):
            raise not_understood(answer, found="a truncated listing", expected=_EXPECTED, setting=SETTING)
        files, malformed = [], 0
        for entry in entries:
            path, sha = (entry.get("path"), entry.get("sha")) if isinstance(entry, dict) else (None, None)
            if not (isinstance(path, str) and isinstance(sha, str) and _SHA.fullmatch(sha) and path.isprintable()):
                malformed += 1
                continue
            parts = path.split("/")
            if ".." in parts:
                malformed += 1
            elif len(parts) == 3 and is_slug(parts[0]) and parts[1] == "content" and path.endswith(".md"):
                if entry.get("mode") == "120000":  # a symbolic link, whose content is another file's name
                    malformed += 1
                else:
                    files.append((path, sha))
        if not files:
            raise not_understood(answer, found="no text of a roadmap", expected=_EXPECTED, setting=SETTING)
        return files, malformed


def _by_slug(files: Sequence[tuple[str, str]]) -> Files:
    roadmaps: dict[str, dict[str, str]] = {}
    for path, sha in sorted(files):
        slug, _, name = path.split("/")
        roadmaps.setdefault(slug, {})[name] = sha
    return roadmaps
