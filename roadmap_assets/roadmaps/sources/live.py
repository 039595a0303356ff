"""The live source: catalogue, documents and trees from roadmap.sh, texts from its GitHub repository."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC

from roadmap_assets.errors import SourceUnavailable
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.sources import site
from roadmap_assets.roadmaps.sources.base import Addresses, Entry, Known, ListingStore, check_slug, unknown_roadmap
from roadmap_assets.roadmaps.sources.host import Host
from roadmap_assets.roadmaps.sources.http import Client
from roadmap_assets.roadmaps.sources.repository import Repository
from roadmap_assets.roadmaps.sources.site import Site
from roadmap_assets.roadmaps.sources.texts import Texts
from roadmap_assets.warehouse.raw import Snapshot


class LiveSource:
    """Roadmaps as they are on roadmap.sh now.

    Lists and listing are asked for once, for as long as the source is open. A fetch is all or nothing: it returns a
    whole roadmap, or raises and has changed nothing. Without `waits`, nothing is retried and nothing is waited for,
    as in the tick of a sensor. `token` goes to GitHub's API alone.
    """

    name = "live"

    def __init__(
        self,
        addresses: Addresses,
        *,
        token: str | None = None,
        listings: ListingStore | None = None,
        waits: bool = True,
        allow_missing_texts: bool = False,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
        on_notice: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._on_notice = on_notice
        self._client = Client(waits=waits, on_notice=on_notice, clock=clock, sleep=sleep)
        self._site = Site(
            [
                Host(self._client, address.strip(), setting=site.SETTING, refuses=False)
                for address in addresses.roadmap_sh_api.split(",")
            ],
            on_notice=on_notice,
        )
        hint = "" if token else ", or set GITHUB_TOKEN for a higher limit"
        self._repository = Repository(
            api=Host(self._client, addresses.github_api, setting="ROADMAP_GITHUB_API", hint=hint),
            raw=Host(self._client, addresses.github_raw, setting="ROADMAP_GITHUB_RAW"),
            repository=addresses.github_repository,
            branch=addresses.github_branch,
            folder=addresses.github_folder,
            token=token,
            listings=listings,
            on_notice=on_notice,
        )
        self._texts = Texts(
            self._repository,
            self._site,
            allow_missing=allow_missing_texts,
            on_progress=on_progress,
            on_notice=on_notice,
        )

    def close(self) -> None:
        self._client.close()

    def catalogue(self) -> Mapping[str, Entry]:
        """roadmap.sh's lists, or the repository's folders where roadmap.sh does not answer."""
        try:
            return self._site.catalogue()
        except SourceUnavailable as silence:
            try:
                folders = self._repository.files()
            except SourceUnavailable as second:
                raise SourceUnavailable(f"{silence}; and {second}") from None
            self._on_notice(f"{silence}: the roadmaps listed are the folders of its repository")
            return dict.fromkeys(sorted(folders), Entry())

    def listing(self) -> dict[str, str]:
        """A version of every roadmap, from when its document was updated and from its texts' shas."""
        entries, files = self._site.catalogue(), self._repository.files()
        return {slug: _version(entry.updated_at, files.get(slug, {})) for slug, entry in entries.items()}

    def version_of(self, snapshot: Snapshot) -> str:
        return _version(snapshot.updated_at, {content.file: content.sha for content in snapshot.contents})

    def fetch(self, slug: str, *, known: Known = lambda: None) -> Snapshot:
        """One roadmap as it is now; only a document that was updated and texts that changed are downloaded.

        While roadmap.sh does not answer, the document of its last state is used, with a notice.
        """
        last = known()
        drawing = self._drawing(check_slug(slug), last if last and last.source == self.name else None)
        contents = self._texts.fetch(slug, drawing.document, last.contents if last else ())
        return replace(drawing, contents=contents)

    def _drawing(self, slug: str, known: Snapshot | None) -> Snapshot:
        """The roadmap's document and tree, without its texts."""
        updated_at = ""
        try:
            entries = self._site.catalogue()
            if slug not in entries:
                raise unknown_roadmap(slug, source=self.name, slugs=entries)
            updated_at = entries[slug].updated_at
        except SourceUnavailable:
            pass  # a document may be served where the lists are not
        if known and updated_at and updated_at == known.updated_at:
            return known
        try:
            document, origin = self._site.document(slug)
            parse_document(document, roadmap=slug, origin=origin)
            tree = self._site.tree(slug)
        except SourceUnavailable as silence:
            if known is None:
                raise SourceUnavailable(f"the roadmap {slug} was never fetched, and {silence}") from None
            since = (
                f" of {known.fetched_at.replace(tzinfo=UTC).astimezone():%Y-%m-%d %H:%M}" if known.fetched_at else ""
            )
            self._on_notice(f"{silence}: the document of {slug} is the one in the database{since}")
            return known
        return Snapshot(
            roadmap=slug,
            document=document,
            origin=origin,
            source=self.name,
            contents=(),
            tree=tree,
            updated_at=updated_at,
        )


def _version(updated_at: str, texts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([updated_at, sorted(texts.items())]).encode()).hexdigest()
