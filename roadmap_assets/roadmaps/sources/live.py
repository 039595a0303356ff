"""The live source: texts from the site's GitHub repository, documents from roadmap.sh's API or that repository.

One request to GitHub's API lists every file of every roadmap with its blob sha (`Get a tree`,
https://docs.github.com/en/rest/git/trees); it is conditional, and an answer of 304 costs nothing of the 60 requests an
hour that go without a token. The sha tells which texts changed: only those are downloaded, from the host of raw files,
which does not count. Rate limits are told and waited for as
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api has it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final
from urllib.parse import quote

import httpx2

from roadmap_assets.errors import DocumentError, InvalidSetting, SourceUnavailable
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.sources.base import (
    ListingStore,
    blob_sha,
    check_slug,
    decode,
    is_slug,
    topic_id_of,
    unknown_roadmap,
)
from roadmap_assets.warehouse.raw import ContentFile, Snapshot

REPOSITORY: Final = "kamranahmedse/developer-roadmap"
BRANCH: Final = "master"
FOLDER: Final = "src/data/roadmaps"
DOWNLOADS: Final = 8  # at once
ATTEMPTS: Final = 4
BACKOFF_S: Final = 0.5  # doubled with each attempt
LONGEST_WAIT_S: Final = 60.0  # for a rate limit; longer ones are reported

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Listed:
    """The files of one roadmap in the listing: blob shas of its document, if it has one, and of its texts by name."""

    document: str | None = None
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        files = json.dumps([self.document, sorted(self.texts.items())])
        return hashlib.sha256(files.encode()).hexdigest()

    def is_held_by(self, known: Snapshot) -> bool:
        """Whether `known` is these very files, document and all."""
        return blob_sha(known.document.encode()) == self.document and self.texts == {
            content.file: content.sha for content in known.contents
        }


class GithubSource:
    """Roadmaps as they are on roadmap.sh now.

    One listing serves every call, for as long as the source is open. A fetch is all or nothing: it returns a whole
    roadmap, or raises and has changed nothing. `token` goes to `api_url` alone.
    """

    name = "github"

    def __init__(
        self,
        *,
        api_url: str = "https://api.github.com",
        raw_url: str = "https://raw.githubusercontent.com",
        roadmap_sh_url: str = "https://roadmap.sh/api",
        token: str | None = None,
        listings: ListingStore | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tree_url = (
            f"{api_url.rstrip('/')}/repos/{REPOSITORY}/git/trees/{BRANCH}:{quote(FOLDER, safe='')}?recursive=1"
        )
        self._raw_url = f"{raw_url.rstrip('/')}/{REPOSITORY}/{BRANCH}/{FOLDER}"
        self._documents_url = f"{roadmap_sh_url.rstrip('/')}/v1-official-roadmap"
        self._token = token
        self._listings = listings
        self._on_progress = on_progress or (lambda _done, _total: None)
        self._clock = clock
        self._sleep = sleep
        self._documents_silence: SourceUnavailable | None = None
        self._client = httpx2.Client(
            follow_redirects=True,
            headers={"User-Agent": "roadmap-assets"},
            timeout=httpx2.Timeout(30, connect=5),
            limits=httpx2.Limits(max_connections=DOWNLOADS, max_keepalive_connections=DOWNLOADS, keepalive_expiry=60),
        )

    def close(self) -> None:
        self._client.close()

    def listing(self) -> dict[str, str]:
        """Every roadmap in the repository; a change of a document that only roadmap.sh serves does not show."""
        return {slug: listed.version for slug, listed in self._roadmaps.items()}

    def fetch(self, slug: str, *, known: Snapshot | None = None) -> Snapshot:
        """One roadmap as it is now; only texts whose sha is not in `known` are downloaded.

        The document is asked of roadmap.sh each time, as nothing tells whether it changed; the repository's is taken
        when that fails. Only where `known` is what the repository has, document and all, is nothing asked at all.
        """
        check_slug(slug)
        listed = self._roadmaps.get(slug)
        if listed is None:
            raise unknown_roadmap(slug, source=self.name, slugs=self._roadmaps)
        document, origin = self._document(slug, listed, known)
        texts = self._texts(slug, listed, known)
        return Snapshot(
            roadmap=slug,
            document=document,
            origin=origin,
            source=self.name,
            contents=tuple(
                ContentFile(file=file, topic_id=topic_id_of(file), sha=sha, markdown=texts[sha])
                for file, sha in sorted(listed.texts.items())
            ),
        )

    # ---- listing --------------------------------------------------------------------------------------------------

    @cached_property
    def _roadmaps(self) -> Mapping[str, _Listed]:
        stored = self._listings.load(self._tree_url) if self._listings else None
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if stored:
            headers["If-None-Match"] = stored[0]
        response = self._get(self._tree_url, headers=headers)
        if stored and response.status_code == 304:
            return _by_roadmap(json.loads(stored[1]))
        blobs = self._blobs(response)
        if self._listings and "ETag" in response.headers:
            self._listings.save(self._tree_url, response.headers["ETag"], json.dumps(blobs))
        return _by_roadmap(blobs)

    def _blobs(self, response: httpx2.Response) -> list[tuple[str, str]]:
        """Path and sha of every entry of the answer."""
        try:
            tree = response.raise_for_status().json()
            if tree.get("truncated"):
                raise SourceUnavailable(f"GitHub's listing of {REPOSITORY} is cut off: too many files for one answer")
            return [(str(entry["path"]), str(entry["sha"])) for entry in tree["tree"]]
        except (httpx2.HTTPStatusError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise SourceUnavailable(
                f"{self._tree_url} answered {response.status_code} with something that is no listing ({error!r})"
            ) from error

    # ---- documents ------------------------------------------------------------------------------------------------

    def _document(self, slug: str, listed: _Listed, known: Snapshot | None) -> tuple[str, str]:
        """The roadmap's document, with topics in it, and its URL."""
        url = f"{self._raw_url}/{slug}/{slug}.json"
        if known and known.origin == url and listed.is_held_by(known):
            return known.document, url
        try:
            return self._live_document(slug)
        except (SourceUnavailable, DocumentError) as refusal:
            if listed.document is None:
                raise type(refusal)(
                    f"the roadmap {slug} has no document: there is none in {REPOSITORY}, and {refusal}"
                ) from refusal
            _log.info("%s: taking the document from %s", refusal, url)
            document = decode(self._get(url, sha=listed.document).content)
            try:
                parse_document(document, roadmap=slug, origin=url)
            except DocumentError as error:
                raise type(refusal)(f"{error}; and {refusal}") from error
            return document, url

    def _live_document(self, slug: str) -> tuple[str, str]:
        """roadmap.sh's document; once it did not answer, it is not asked again for the other roadmaps of this run."""
        url = f"{self._documents_url}/{slug}"
        if self._documents_silence:
            raise self._documents_silence
        try:
            response = self._get(url)
        except SourceUnavailable as silence:
            self._documents_silence = silence
            raise
        if response.status_code != 200:
            raise DocumentError(f"{url} answered {response.status_code}")
        document = decode(response.content)
        parse_document(document, roadmap=slug, origin=url)
        return document, url

    # ---- texts ----------------------------------------------------------------------------------------------------

    def _texts(self, slug: str, listed: _Listed, known: Snapshot | None) -> dict[str, str]:
        """Markdown by sha: from `known` where it has it, else downloaded; equal files only once."""
        texts = {content.sha: content.markdown for content in known.contents} if known else {}
        missing = {sha: file for file, sha in listed.texts.items() if sha not in texts}
        if not missing:
            return texts
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            shas = {pool.submit(self._text, slug, file, sha): sha for sha, file in missing.items()}
            try:
                for done, future in enumerate(as_completed(shas), start=1):
                    texts[shas[future]] = future.result()
                    self._on_progress(done, len(missing))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return texts

    def _text(self, slug: str, file: str, sha: str) -> str:
        return decode(self._get(f"{self._raw_url}/{slug}/content/{quote(file, safe='@')}", sha=sha).content)

    # ---- requests -------------------------------------------------------------------------------------------------

    def _get(self, url: str, *, headers: Mapping[str, str] | None = None, sha: str = "") -> httpx2.Response:
        """The answer to a GET: 200 with the blob `sha` where one is given, else any that is neither 403, 429 nor 5xx.

        Tried again while the server is busy, unreachable, or serves an old version of the blob.
        Raises SourceUnavailable when that does not help, or a rate limit ends too late to wait for it.
        """
        for attempt in range(1, ATTEMPTS + 1):
            wait_s = BACKOFF_S * 2 ** (attempt - 1)
            try:
                response = self._client.get(url, headers=headers)
            except httpx2.RequestError as error:
                problem = str(error) or type(error).__name__
            else:
                status = response.status_code
                if status in (403, 429):
                    wait_s = self._limit_wait_s(response, default_s=wait_s)
                elif status == 401 and headers and "Authorization" in headers:
                    raise InvalidSetting(f"GITHUB_TOKEN is refused by {response.url.host}; renew it or unset it")
                elif sha and status < 500:
                    if status == 200 and blob_sha(response.content) == sha:
                        return response
                elif status < 500:
                    return response
                problem = f"answered {status}" if status != 200 else "is not the version that was listed"
            if attempt < ATTEMPTS:
                self._sleep(wait_s)
        raise SourceUnavailable(f"{url} failed {ATTEMPTS} times: {problem}; nothing was changed, try again later")

    def _limit_wait_s(self, response: httpx2.Response, *, default_s: float) -> float:
        """Seconds that a 403 or 429 asks to wait.

        Raises SourceUnavailable when that is too long, or the answer is a refusal and no rate limit.
        """
        headers, now = response.headers, self._clock()
        after, reset = _seconds(headers.get("retry-after")), _seconds(headers.get("x-ratelimit-reset"))
        if after is not None:
            wait_s = after
        elif reset is not None and headers.get("x-ratelimit-remaining") == "0":
            wait_s = max(0.0, reset - now) + 1  # its clock is cut to seconds
        elif response.status_code == 429:
            wait_s = default_s
        else:
            raise SourceUnavailable(f"{response.url} is refused (403); nothing was changed")
        if wait_s > LONGEST_WAIT_S:
            until = datetime.fromtimestamp(now + wait_s).astimezone()
            hint = "" if self._token else ", or set GITHUB_TOKEN for a higher limit"
            raise SourceUnavailable(
                f"{response.url.host} takes no more requests until {until:%Y-%m-%d %H:%M %Z}; try again then{hint}"
            )
        return wait_s


def _seconds(text: str | None) -> float | None:
    """A header's value where it is a number of seconds; it may be absent, or a date."""
    return float(text) if text is not None and re.fullmatch(r"\d{1,10}(\.\d+)?", text) else None


def _by_roadmap(blobs: Iterable[tuple[str, str]]) -> dict[str, _Listed]:
    """The listing by slug. Paths are data: one that is neither a roadmap's document nor its text is left out."""
    roadmaps: dict[str, _Listed] = {}
    for path, sha in blobs:
        match path.split("/"):
            case [slug, name] if name == f"{slug}.json" and is_slug(slug):
                roadmaps.setdefault(slug, _Listed()).document = sha
            case [slug, "content", file] if file.endswith(".md") and is_slug(slug):
                roadmaps.setdefault(slug, _Listed()).texts[file] = sha
    return dict(sorted(roadmaps.items()))
