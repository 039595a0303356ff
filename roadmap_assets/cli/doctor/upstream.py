"""Do roadmap.sh and GitHub answer, and in the shape that is expected? Each request is made once."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from roadmap_assets.cli.doctor.finding import Findings
from roadmap_assets.errors import SourceUnavailable
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.sources import site
from roadmap_assets.roadmaps.sources.host import Host
from roadmap_assets.roadmaps.sources.http import TEXT, Client, read_json
from roadmap_assets.roadmaps.sources.site import Site
from roadmap_assets.settings import Settings

EXAMPLES = ("frontend", "backend")
"""Roadmaps that are looked at first; where the site has neither, its first one is."""


def check_github(settings: Settings) -> Findings:
    """How many requests GitHub's API allows; asking does not count as one."""
    findings = Findings("github")
    token = settings.github_token
    headers = {"Authorization": f"Bearer {token.secret}"} if token else {}
    with findings.catching(), closing(Client(waits=False)) as client:
        host = Host(client, settings.github_api, setting="ROADMAP_GITHUB_API")
        answer = host.get("/rate_limit", limit=TEXT, headers=headers)
        if answer.status == 401:
            findings.fail("GITHUB_TOKEN is refused", "renew it or unset it")
            return findings
        if answer.status != 200:
            raise SourceUnavailable(f"{settings.github_api} answered {answer.status}; check ROADMAP_GITHUB_API")
        expected = "{resources: {core: {limit, remaining, reset}}}"
        raw = read_json(answer, expected=expected, setting="ROADMAP_GITHUB_API")
        try:
            core = raw["resources"]["core"]
            limit, left = int(core["limit"]), int(core["remaining"])
            reset = datetime.fromtimestamp(int(core["reset"]), UTC).astimezone()
        except (LookupError, TypeError, ValueError, OverflowError):
            raise SourceUnavailable(
                f"{settings.github_api} answered with JSON of another shape; expected {expected}; "
                "check ROADMAP_GITHUB_API"
            ) from None
        if left:
            findings.ok(f"{left} of {limit} requests left in this hour")
        else:
            hint = "" if token else ", or set GITHUB_TOKEN for a higher limit"
            findings.warn(
                f"no requests left until {reset:%H:%M %Z}", f"wait{hint}; until then texts come from roadmap.sh"
            )
    return findings


def check_site(settings: Settings) -> Findings:
    """Both lists of roadmap.sh, one document and one tree."""
    findings = Findings("roadmap.sh")
    with findings.catching(), closing(Client(waits=False)) as client:
        hosts = [
            Host(client, address.strip(), setting=site.SETTING, refuses=False)
            for address in settings.roadmap_sh_api.split(",")
        ]
        notices: list[str] = []
        source = Site(hosts, on_notice=notices.append)
        slugs = source.catalogue()
        findings.ok(f"{len(slugs)} roadmaps in its lists")
        for notice in notices:
            findings.warn(notice, "nothing to do, unless one of them is a roadmap that you want")
        slug = next((slug for slug in EXAMPLES if slug in slugs), next(iter(slugs)))
        text, url = source.document(slug)
        document = parse_document(text, roadmap=slug, origin=url)
        tree = source.tree(slug)
        findings.ok(f"{slug}: {len(document.topics)} topics, {'with' if tree else 'without'} an official tree")
    return findings
