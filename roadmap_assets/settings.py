"""Every setting once: its name, environment variable, default, range and meaning.

Values come from the environment or a file `.env` in the current directory; keys come from nowhere else. `Settings`
is what the rest of the program passes around; nothing else reads the environment.

A `.env` may have come with a folder of somebody else's. So an address that it sets is announced, and a key from the
environment is never sent there.
"""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from msgspec import Meta, Struct
from msgspec.structs import fields, replace

from roadmap_assets.database_url import SCHEMES, PostgresUrl, database_of, quota_address_of
from roadmap_assets.dotenv_file import read_dotenv
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.places import Place, place_of
from roadmap_assets.secret import Secret
from roadmap_assets.setting import NAME, URL, URLS, Setting, secret_of

MAX_BATCH_SIZE = 20
_PREFIX = "ROADMAP_"
_LIVE_AFTER = "ROADMAP_BATCH_LIVE_AFTER"
_OF_TESTS = "ROADMAP_TEST_"
_LOG = logging.getLogger(__name__)


def _is(
    meaning: str, *, name: str = "", also: str = "", read: Callable[[Any], Any] | None = None, **limits: Any
) -> Meta:
    """What a field means and may be. The variable `ROADMAP_` and its name sets it, or `name`, or `also`.

    `read` converts the text of a variable, where the type is a class of ours.
    """
    return Meta(description=meaning, extra={"name": name, "also": also, "read": read}, **limits)


class Settings(Struct, frozen=True, kw_only=True):
    """What can be set. `load_settings` makes it from the environment, and checks every value."""

    db: Annotated[
        Path | PostgresUrl, _is("database that holds everything: a DuckDB file, or postgresql://…", read=database_of)
    ] = Path(".cache/enrichment.duckdb")
    output: Annotated[
        Place, _is("folder that CSV files are written to; or an address, s3://bucket/folder", read=place_of)
    ] = Path("output")
    history: Annotated[bool, _is("keep a dated copy of each CSV file that changed")] = False
    site: Annotated[
        Place, _is("folder that pages are written to; or an address, s3://bucket/folder", read=place_of)
    ] = Path("site")
    source: Annotated[str, _is("where roadmaps come from: live, sample, or a directory")] = "live"
    github_api: Annotated[str, _is("base URL of GitHub's API", pattern=URL)] = "https://api.github.com"
    github_raw: Annotated[str, _is("base URL of raw files", pattern=URL)] = "https://raw.githubusercontent.com"
    github_repository: Annotated[str, _is("repository of the texts", pattern=NAME)] = "nilbuild/developer-roadmap"
    github_branch: Annotated[str, _is("its branch", pattern=NAME)] = "master"
    github_folder: Annotated[str, _is("its folder of roadmaps", pattern=NAME)] = "roadmaps"
    roadmap_sh_api: Annotated[
        str,
        _is(
            "base URL of roadmap.sh's API; of several, separated by commas, the next is used when one does not answer",
            name="ROADMAP_SH_API",
            pattern=URLS,
        ),
    ] = "https://roadmap.sh/api,https://api.roadmap.sh"
    allow_missing_texts: Annotated[bool, _is("a roadmap is fetched even if some of its texts cannot be fetched")] = (
        False
    )
    github_token: Annotated[
        Secret | None, _is("raises GitHub's limit of 60 requests an hour", name="GITHUB_TOKEN", read=secret_of)
    ] = None

    gemini_api_key: Annotated[
        Secret | None, _is("key of the Gemini API", name="GEMINI_API_KEY", also="GOOGLE_API_KEY", read=secret_of)
    ] = None
    gemini_base_url: Annotated[
        str | None, _is("a stand-in for Gemini's address", pattern=URL, name="GOOGLE_GEMINI_BASE_URL")
    ] = None
    model: Annotated[str, _is("Gemini model that is asked", min_length=1)] = "gemini-3.5-flash-lite"
    fallback_model: Annotated[
        str | None,
        _is(
            "model that is asked again for a row whose first answer broke a rule or was missing; empty for the same "
            "model; not used by the service batch"
        ),
    ] = None
    profile: Annotated[str, _is("columns asked for: summary, study, or module:Class")] = "summary"
    temperature: Annotated[float | None, _is("sent when set; newer models ignore it", ge=0, le=2)] = None
    thinking_level: Annotated[
        Literal["minimal", "low", "medium", "high"] | None, _is("sent when set; thinking counts as output")
    ] = None

    batch_size: Annotated[int, _is("topics in one call", ge=1, le=MAX_BATCH_SIZE)] = 20
    batch_tokens: Annotated[int, _is("input tokens in one call", ge=500)] = 16_000
    description_chars: Annotated[
        int, _is("a longer description is cut at a sentence's end before it is sent", ge=100)
    ] = 2_000
    service: Annotated[
        Literal["standard", "flex", "batch"],
        _is("how Gemini is asked; flex and batch cost half, and take minutes a call and up to a day"),
    ] = "standard"
    flex_timeout_s: Annotated[
        float, _is("seconds a flex call may take", ge=10, le=3600, name="ROADMAP_FLEX_TIMEOUT")
    ] = 900.0
    flex_patience_s: Annotated[
        float, _is("seconds of nothing but refusals before a run stops asking flex", ge=0, name="ROADMAP_FLEX_PATIENCE")
    ] = 1800.0
    flex_fallback: Annotated[
        Literal["defer", "standard"], _is("what happens to the rest then: deferred, or asked at the full price")
    ] = "defer"
    batch_enqueued_tokens: Annotated[int, _is("input tokens of all unfinished batch jobs together", ge=1000)] = (
        10_000_000
    )
    batch_poll_s: Annotated[
        float, _is("seconds between looks at a young batch job", gt=0, le=3600, name="ROADMAP_BATCH_POLL")
    ] = 30.0
    batch_live_after_h: Annotated[
        float | None,
        _is("hours until an unfinished batch job is given up and its rows asked live", gt=0, name=_LIVE_AFTER),
    ] = None
    timeout_s: Annotated[float, _is("seconds one attempt may take in total", gt=0, le=3600, name="ROADMAP_TIMEOUT")] = (
        30.0
    )
    concurrency: Annotated[int, _is("calls in flight at once", ge=1, le=256)] = 16
    attempts: Annotated[int, _is("times a batch or a topic is asked in one run", ge=1, le=20)] = 4
    failure_runs: Annotated[int, _is("runs that try a failed topic again", ge=1)] = 3
    budget_usd: Annotated[float | None, _is("a run stops before the call that passes it", ge=0)] = None
    prices: Annotated[Path | None, _is("price table (TOML) instead of the packaged one", read=Path)] = None

    rpm: Annotated[int, _is("requests a minute; 0 for no limit", ge=0)] = 15
    tpm: Annotated[int, _is("input tokens a minute; 0 for no limit", ge=0)] = 250_000
    rpd: Annotated[int, _is("requests a day, Los Angeles time; 0 for no limit", ge=0)] = 500
    quota_window_s: Annotated[
        float, _is("seconds in the quota's minute, for tests", gt=0, le=3600, name="ROADMAP_QUOTA_WINDOW")
    ] = 60.0
    pacing: Annotated[Literal["burst", "even"], _is("burst sends what the window allows; even spaces calls")] = "burst"
    quota_url: Annotated[
        str | PostgresUrl, _is("limiter's shared state; empty for where the database is", read=quota_address_of)
    ] = ""

    offline: Annotated[bool, _is("a built-in simulator answers instead of Gemini")] = False
    runs_per_tick: Annotated[int, _is("Dagster: runs that new_roadmaps asks for at once", ge=1)] = 5
    owners: Annotated[str, _is("Dagster: owners, as e-mails or team:name, by comma")] = "team:roadmaps"
    git_url: Annotated[str, _is("Dagster: repository that the UI links source code to")] = ""
    git_branch: Annotated[str, _is("Dagster: branch that the links lead to")] = "main"

    given: frozenset[str] = frozenset()
    """The fields that were set; the others have their defaults."""

    def changed(self, **values: Any) -> Settings:
        """A copy with other values, which are not checked."""
        return replace(self, **values, given=self.given.union(values))

    @property
    def quota_address(self) -> str | PostgresUrl:
        """Where the limiter's state is shared: as set, or in the PostgreSQL database, or in a file beside DuckDB's."""
        if self.quota_url:
            return self.quota_url
        if isinstance(self.db, PostgresUrl):
            return self.db
        return f"sqlite:///{self.db.absolute().with_suffix('.quota.sqlite')}"


def load_settings(**given: Any) -> Settings:
    """The settings from the environment, with `given` (by field name, None meaning not given) on top.

    Raises:
        InvalidSetting: naming the variable, the value's fault and the allowed range; never the value of a key.
    """
    in_environment = {name.upper(): value for name, value in os.environ.items()}
    in_file = read_dotenv()
    _check_names({*in_environment, *in_file})
    _check_addresses(in_file, given)
    values, faults = {}, []
    for name, setting in SETTINGS.items():
        texts = [where.get(variable) for where in (in_environment, in_file) for variable in setting.variables]
        value = given.get(name) if given.get(name) is not None else next(filter(None, texts), None)
        if value is None:
            continue
        try:
            values[name] = setting.value_of(value)
        except ValueError as error:
            faults.append(_explain(setting, value, error))
    if faults:
        raise InvalidSetting("; ".join(faults))
    return Settings(**values, given=frozenset(values))


def _check_names(variables: set[str]) -> None:
    """Raise InvalidSetting for variables with our prefix that set nothing."""
    known = {variable for setting in SETTINGS.values() for variable in setting.variables}
    ours = [name for name in variables - known if name.startswith(_PREFIX) and not name.startswith(_OF_TESTS)]
    if ours:
        raise InvalidSetting("; ".join(_explain_unknown(name, known) for name in sorted(ours)))


def _check_addresses(in_file: Mapping[str, str], given: Mapping[str, Any]) -> None:
    """Announce the addresses that .env sets, and refuse to send a key of the environment to one of them."""
    for field, key in ADDRESSES.items():
        variable = variable_of(field)
        if variable not in in_file or os.environ.get(variable) or given.get(field) is not None:
            continue
        if "://" not in in_file[variable]:
            continue  # a file
        is_server = in_file[variable].startswith(SCHEMES)
        for secret in SETTINGS[key].variables if key else ("PGPASSWORD",) if is_server else ():
            if os.environ.get(secret):
                raise InvalidSetting(
                    f"{variable} is set in the file .env and {secret} in the environment: a key from the environment "
                    "is not sent to an address from a file. Set both in one place, or move .env away"
                )
        _announce(variable, in_file[variable])


@functools.cache
def _announce(variable: str, address: str) -> None:
    """Once per process."""
    _LOG.warning("Using the address %s, which the file .env sets as %s.", _without_password(address), variable)


def _without_password(address: str) -> str:
    """The address without user and password, also where a password has characters that end it too early."""
    return re.sub(r"//.*@", "//", address, flags=re.DOTALL).partition("?")[0]


def variable_of(field: str) -> str:
    """The environment variable that sets a field."""
    return SETTINGS[field].variables[0]


def _explain(setting: Setting, value: Any, error: ValueError) -> str:
    """One line for a person: the variable, the value, what it may be; and its fault, where that says more."""
    variable, meaning = setting.variables[0], f"allowed: {setting.allowed} ({setting.meaning})"
    if setting.is_secret:
        return f"{variable} cannot be used; {meaning}"
    fault = f": {error}" if error.args else ""
    return f"{variable} is {_without_password(str(value))[:80]!r}{fault}; {meaning}"


def _explain_unknown(name: str, known: set[str]) -> str:
    import difflib  # seldom needed

    ours = [variable.removeprefix(_PREFIX) for variable in known if variable.startswith(_PREFIX)]
    near = difflib.get_close_matches(name.removeprefix(_PREFIX), ours, n=1)
    hint = f"did you mean {_PREFIX}{near[0]}?" if near else "unset it; docs/settings.md lists all settings"
    return f"{name} is no setting; {hint}"


def _settings() -> Iterator[tuple[str, Setting]]:
    for each in fields(Settings):
        if each.name != "given":
            kind, meta = get_args(each.type)
            names = (meta.extra["name"] or f"{_PREFIX}{each.name.upper()}", meta.extra["also"])
            yield each.name, Setting(kind, each.default, meta, variables=[name for name in names if name])


SETTINGS: Final[Mapping[str, Setting]] = dict(_settings())
"""Every setting, by its field of `Settings`."""

ADDRESSES: Final = {
    "gemini_base_url": "gemini_api_key",
    "github_api": "github_token",
    "github_raw": "github_token",
    "roadmap_sh_api": None,
    "db": None,
    "quota_url": None,
}
"""Each setting that is an address, and the key that is sent there; libpq sends PGPASSWORD to a PostgreSQL server."""
