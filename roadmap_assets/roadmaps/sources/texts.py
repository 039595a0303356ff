"""A roadmap's texts: from the repository, or from roadmap.sh where the repository does not answer.

A text from roadmap.sh is kept under a sha that no file has. So it stays as it is while GitHub is silent, and the next
fetch at which GitHub answers replaces it by the repository's text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from roadmap_assets.errors import SourceUnavailable
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.sources.base import blob_sha, topic_id_of
from roadmap_assets.roadmaps.sources.daemon_threads import each
from roadmap_assets.roadmaps.sources.repository import Repository
from roadmap_assets.roadmaps.sources.site import Site
from roadmap_assets.warehouse.raw import ContentFile

DOWNLOADS: Final = 8  # at once
TOPICS: Final = 4  # requests to roadmap.sh at once
FROM_SITE: Final = "roadmap.sh:"
"""Begins the sha of a text that came from roadmap.sh."""

_T = TypeVar("_T")


class Texts:
    """Fetches the texts of roadmaps; with `allow_missing`, those that cannot be fetched are left out."""

    def __init__(
        self,
        repository: Repository,
        site: Site,
        *,
        allow_missing: bool,
        on_progress: Callable[[int, int], None],
        on_notice: Callable[[str], None],
    ) -> None:
        self._repository = repository
        self._site = site
        self._allow_missing = allow_missing
        self._on_progress = on_progress
        self._on_notice = on_notice
        self._noticed: set[str] = set()

    def fetch(self, slug: str, document: str, known: Sequence[ContentFile]) -> tuple[ContentFile, ...]:
        """The roadmap's texts; only what `known` does not hold is downloaded.

        Raises SourceUnavailable when a text comes from neither place and none may be missing.
        """
        try:
            files = self._repository.files().get(slug, {})
        except SourceUnavailable as reason:
            contents = self._without_listing(slug, document, known, str(reason))
        else:
            contents = self._listed(slug, document, files, known)
        return tuple(sorted(contents, key=lambda content: content.file))

    def _listed(
        self, slug: str, document: str, files: Mapping[str, str], known: Sequence[ContentFile]
    ) -> list[ContentFile]:
        """The texts in their listed versions; files of equal text are downloaded once."""
        held = {content.sha: content.markdown for content in known}
        missing = {sha: file for file, sha in files.items() if sha not in held}
        failed = dict.fromkeys(missing, "")
        for _ in range(2):  # of very many texts, one may meet a busy host at each of its attempts
            downloaded, failed = self._all(
                lambda sha: self._repository.text(slug, missing[sha], sha), list(failed), at_once=DOWNLOADS
            )
            held |= downloaded
        contents = [ContentFile(file, topic_id_of(file), sha, held[sha]) for file, sha in files.items() if sha in held]
        if not failed:
            return contents
        reason = next(iter(failed.values()))
        self._notice(f"{reason}: missing texts are asked of roadmap.sh")
        before = {content.file: content for content in known}
        kept = [before[file] for file in files if file in before and before[file].sha.startswith(FROM_SITE)]
        topics = _topic_ids(slug, document) - {content.topic_id for content in kept}
        wanted = {file: topic_id_of(file) for file, sha in files.items() if sha in failed}
        wanted = {file: topic for file, topic in wanted.items() if topic in topics}
        found, missed = self._of_site(slug, wanted)
        missed |= {file: "roadmap.sh has no text" for file in wanted if file not in found and file not in missed}
        self._settle(slug, missed, reason=reason)
        return [*contents, *kept, *found.values(), *(before[file] for file in missed if file in before)]

    def _without_listing(
        self, slug: str, document: str, known: Sequence[ContentFile], reason: str
    ) -> list[ContentFile]:
        """The texts that are known, and roadmap.sh's for the other topics."""
        self._notice(f"{reason}: texts are those in the database, and roadmap.sh's where it has none")
        unknown = _topic_ids(slug, document) - {content.topic_id for content in known}
        found, missed = self._of_site(slug, {f"roadmap.sh@{topic}.md": topic for topic in sorted(unknown)})
        self._settle(slug, missed, reason=reason)
        return [*known, *found.values()]

    def _of_site(self, slug: str, wanted: Mapping[str, str]) -> tuple[dict[str, ContentFile], dict[str, str]]:
        """roadmap.sh's texts for the topics of these files, and why others failed, by file; some topics have none."""
        texts, missed = self._all(lambda file: self._site.text(slug, wanted[file]), list(wanted), at_once=TOPICS)
        found = {
            file: ContentFile(file, wanted[file], f"{FROM_SITE}{blob_sha(text.encode(errors='replace'))}", text)
            for file, text in texts.items()
            if text is not None
        }
        return found, missed

    def _settle(self, slug: str, missed: Mapping[str, str], *, reason: str) -> None:
        """Raises SourceUnavailable when texts are missing that may not be."""
        if not missed:
            return
        texts = f"{len(missed)} text{'s' * (len(missed) > 1)} of {slug}"
        missing = f"{texts} cannot be fetched ({reason}; and {next(iter(missed.values()))})"
        if not self._allow_missing:
            raise SourceUnavailable(f"{missing}; nothing was changed. To do without them: --allow-missing-texts")
        self._on_notice(f"{missing}; they are missing, or of an earlier version")

    def _all(
        self, work: Callable[[str], _T], items: Sequence[str], *, at_once: int
    ) -> tuple[dict[str, _T], dict[str, str]]:
        """What `work` returns for each item, and why it failed for others."""
        found, failed = {}, {}
        for done, (item, outcome) in enumerate(each(work, items, at_once=at_once), start=1):
            try:
                found[item] = outcome.result()
            except SourceUnavailable as error:
                failed[item] = str(error)
            self._on_progress(done, len(items))
        return found, failed

    def _notice(self, text: str) -> None:
        """Once for all roadmaps of a run."""
        if text not in self._noticed:
            self._noticed.add(text)
            self._on_notice(text)


def _topic_ids(slug: str, document: str) -> set[str]:
    return {node.id for node in parse_document(document, roadmap=slug, origin="database").topics}
