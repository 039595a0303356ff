"""Every setting once: its name, environment variable, default, range and meaning.

Values come from the environment or a file `.env` in the current directory; keys come from nowhere else. `Settings`
is what the rest of the program passes around; nothing else reads the environment.

A `.env` may have come with a folder of somebody else's. So an address that it sets is announced, and a key from the
environment is never sent there.
"""

from __future__ import annotations

import difflib
import functools
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from roadmap_assets.database_url import SCHEMES, Database, PostgresUrl, QuotaAddress
from roadmap_assets.dotenv_file import DOTENV, read_dotenv
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.places import Place

MAX_BATCH_SIZE = 20
_PREFIX = "ROADMAP_"
_LIVE_AFTER = "ROADMAP_BATCH_LIVE_AFTER"
_OF_TESTS = "ROADMAP_TEST_"
_LOG = logging.getLogger(__name__)
_URL = r"^https?://[^/?#\s]+[^?#\s]*$"
_URLS = r"^https?://[^/?#\s,]+[^?#\s,]*(,\s*https?://[^/?#\s,]+[^?#\s,]*)*$"
_NAME = r"^[\w.-]+(/[\w.-]+)*$"


def _setting(meaning: str, default: Any, *, name: str | None = None, **limits: Any) -> Any:
    """A field, read from `ROADMAP_` and the field's name unless it has another `name`."""
    return Field(default=default, validation_alias=name, description=meaning, **limits)


class Settings(BaseSettings):
    """What can be set. Raises pydantic's ValidationError; use `load_settings` for an error fit for people."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=DOTENV,
        env_ignore_empty=True,
        extra="ignore",  # `load_settings` refuses unknown variables, and names the nearest known one
        frozen=True,
    )

    db: Database = _setting(
        "database that holds everything: a DuckDB file, or postgresql://…", Path(".cache/enrichment.duckdb")
    )
    output: Place = _setting("folder that CSV files are written to; or an address, s3://bucket/folder", Path("output"))
    history: bool = _setting("keep a dated copy of each CSV file that changed", False)
    site: Place = _setting("folder that pages are written to; or an address, s3://bucket/folder", Path("site"))
    source: str = _setting("where roadmaps come from: live, sample, or a directory", "live")
    github_api: str = _setting("base URL of GitHub's API", "https://api.github.com", pattern=_URL)
    github_raw: str = _setting("base URL of raw files", "https://raw.githubusercontent.com", pattern=_URL)
    github_repository: str = _setting("repository of the texts", "nilbuild/developer-roadmap", pattern=_NAME)
    github_branch: str = _setting("its branch", "master", pattern=_NAME)
    github_folder: str = _setting("its folder of roadmaps", "roadmaps", pattern=_NAME)
    roadmap_sh_api: str = _setting(
        "base URL of roadmap.sh's API; of several, separated by commas, the next is used when one does not answer",
        "https://roadmap.sh/api,https://api.roadmap.sh",
        name="ROADMAP_SH_API",
        pattern=_URLS,
    )
    allow_missing_texts: bool = _setting("a roadmap is fetched even if some of its texts cannot be fetched", False)
    github_token: SecretStr | None = _setting("raises GitHub's limit of 60 requests an hour", None, name="GITHUB_TOKEN")

    gemini_api_key: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("GEMINI_API_KEY", "GOOGLE_API_KEY"))
    ] = Field(default=None, description="key of the Gemini API")
    gemini_base_url: str | None = _setting(
        "a stand-in for Gemini's address", None, pattern=_URL, name="GOOGLE_GEMINI_BASE_URL"
    )
    model: str = _setting("Gemini model that is asked", "gemini-3.5-flash-lite", min_length=1)
    fallback_model: str | None = _setting(
        "model that is asked again for a row whose first answer broke a rule or was missing; empty for the same model; "
        "not used by the service batch",
        None,
    )
    profile: str = _setting("columns asked for: summary, study, or module:Class", "summary")
    temperature: float | None = _setting("sent when set; newer models ignore it", None, ge=0, le=2)
    thinking_level: Literal["minimal", "low", "medium", "high"] | None = _setting(
        "sent when set; thinking counts as output", None
    )

    batch_size: int = _setting("topics in one call", 20, ge=1, le=MAX_BATCH_SIZE)
    batch_tokens: int = _setting("input tokens in one call", 16_000, ge=500)
    description_chars: int = _setting(
        "a longer description is cut at a sentence's end before it is sent", 2_000, ge=100
    )
    service: Literal["standard", "flex", "batch"] = _setting(
        "how Gemini is asked; flex and batch cost half, and take minutes a call and up to a day", "standard"
    )
    flex_timeout_s: float = _setting("seconds a flex call may take", 900.0, ge=10, le=3600, name="ROADMAP_FLEX_TIMEOUT")
    flex_patience_s: float = _setting(
        "seconds of nothing but refusals before a run stops asking flex", 1800.0, ge=0, name="ROADMAP_FLEX_PATIENCE"
    )
    flex_fallback: Literal["defer", "standard"] = _setting(
        "what happens to the rest then: deferred, or asked at the full price", "defer"
    )
    batch_enqueued_tokens: int = _setting("input tokens of all unfinished batch jobs together", 10_000_000, ge=1000)
    batch_poll_s: float = _setting(
        "seconds between looks at a young batch job", 30.0, gt=0, le=3600, name="ROADMAP_BATCH_POLL"
    )
    batch_live_after_h: float | None = _setting(
        "hours until an unfinished batch job is given up and its rows asked live", None, gt=0, name=_LIVE_AFTER
    )
    timeout_s: float = _setting("seconds one attempt may take in total", 30.0, gt=0, le=3600, name="ROADMAP_TIMEOUT")
    concurrency: int = _setting("calls in flight at once", 16, ge=1, le=256)
    attempts: int = _setting("times a batch or a topic is asked in one run", 4, ge=1, le=20)
    failure_runs: int = _setting("runs that try a failed topic again", 3, ge=1)
    budget_usd: float | None = _setting("a run stops before the call that passes it", None, ge=0)
    prices: Path | None = _setting("price table (TOML) instead of the packaged one", None)

    rpm: int = _setting("requests a minute; 0 for no limit", 15, ge=0)
    tpm: int = _setting("input tokens a minute; 0 for no limit", 250_000, ge=0)
    rpd: int = _setting("requests a day, Los Angeles time; 0 for no limit", 500, ge=0)
    quota_window_s: float = _setting(
        "seconds in the quota's minute, for tests", 60.0, gt=0, le=3600, name="ROADMAP_QUOTA_WINDOW"
    )
    pacing: Literal["burst", "even"] = _setting("burst sends what the window allows; even spaces calls", "burst")
    quota_url: QuotaAddress = _setting("limiter's shared state; empty for where the database is", "")

    offline: bool = _setting("a built-in simulator answers instead of Gemini", False)
    runs_per_tick: int = _setting("Dagster: runs that new_roadmaps asks for at once", 5, ge=1)
    owners: str = _setting("Dagster: owners, as e-mails or team:name, by comma", "team:roadmaps")
    git_url: str = _setting("Dagster: repository that the UI links source code to", "")
    git_branch: str = _setting("Dagster: branch that the links lead to", "main")

    @field_validator("gemini_api_key", "github_token", mode="before")
    @classmethod
    def _fit_for_a_header(cls, key: object) -> object:
        """Strip a key of white space that was copied with it; refuse one that no HTTP header can carry."""
        if not isinstance(key, str):
            return key
        if not (key.strip().isascii() and key.strip().isprintable()) or " " in key.strip():
            raise ValueError("no key")  # `_explain` never shows a key
        return key.strip() or None

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
    try:
        in_file = read_dotenv()
        unknown = sorted({*map(str.upper, os.environ), *in_file} - _known_variables())
        if wrong := [name for name in unknown if name.startswith(_PREFIX) and not name.startswith(_OF_TESTS)]:
            raise InvalidSetting("; ".join(map(_explain_unknown, wrong)))
        _check_addresses(in_file, given)
        return Settings(**{_argument(name): value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise InvalidSetting("; ".join(_explain(e) for e in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"the file .env cannot be read ({error}); correct it, or move it away") from None


def _known_variables() -> set[str]:
    return {variable for field in Settings.model_fields for variable in _variables_of(field)}


def _check_addresses(in_file: Mapping[str, str], given: Mapping[str, Any]) -> None:
    """Announce the addresses that .env sets, and refuse to send a key of the environment to one of them."""
    for field, key in ADDRESSES.items():
        variable = variable_of(field)
        if variable not in in_file or os.environ.get(variable) or given.get(field) is not None:
            continue
        if "://" not in in_file[variable]:
            continue  # a file
        is_server = in_file[variable].startswith(SCHEMES)
        for secret in _variables_of(key) if key else ("PGPASSWORD",) if is_server else ():
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
    return _variables_of(field)[0]


def _variables_of(field: str) -> list[str]:
    """All variables that set a field, the one to show first."""
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [str(alias) if alias else f"{_PREFIX}{field.upper()}"]


def _argument(field: str) -> str:
    """The name under which pydantic takes a field: its alias, where it has one."""
    return variable_of(field) if Settings.model_fields[field].validation_alias else field


def allowed(field: str) -> str:
    """What a field may be, in words, such as `a whole number, at least 1 and at most 20`."""
    info = Settings.model_fields[field]
    if is_secret(field):
        return "letters, digits and signs without spaces"
    kinds = [kind for kind in (info.annotation, *get_args(info.annotation)) if kind is not type(None)]
    words = [_KINDS[kind] for kind in kinds if kind in _KINDS]
    words += [_one_of(get_args(kind)) for kind in kinds if get_origin(kind) is Literal]
    rules = {
        name: value for rule in info.metadata for name in _RULES if (value := getattr(rule, name, None)) is not None
    }
    words += [" and ".join(_RULES[name].format(_PATTERNS.get(value, value)) for name, value in rules.items())]
    return ", ".join(filter(None, words)) or "any text"


def is_secret(field: str) -> bool:
    """Whether a field's value must never be shown."""
    return "Secret" in str(Settings.model_fields[field].annotation)


def _explain(error: Any) -> str:
    """One line for a person: the variable, the value's fault, what it may be."""
    name = str(error["loc"][0])
    field = next(field for field in Settings.model_fields if name in (field, *_variables_of(field)))
    meaning = f"allowed: {allowed(field)} ({Settings.model_fields[field].description})"
    if is_secret(field):
        return f"{name} cannot be used; {meaning}"
    fault = "" if error["type"] == "string_pattern_mismatch" else f": {error['msg'].removeprefix('Value error, ')}"
    return f"{variable_of(field)} is {_without_password(str(error['input']))[:80]!r}{fault}; {meaning}"


def _explain_unknown(name: str) -> str:
    known = [variable.removeprefix(_PREFIX) for variable in _known_variables() if variable.startswith(_PREFIX)]
    near = difflib.get_close_matches(name.removeprefix(_PREFIX), known, n=1)
    hint = f"did you mean {_PREFIX}{near[0]}?" if near else "unset it; docs/settings.md lists all settings"
    return f"{name} is no setting; {hint}"


def _one_of(choices: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


ADDRESSES: Final = {
    "gemini_base_url": "gemini_api_key",
    "github_api": "github_token",
    "github_raw": "github_token",
    "roadmap_sh_api": None,
    "db": None,
    "quota_url": None,
}
"""Each setting that is an address, and the key that is sent there; libpq sends PGPASSWORD to a PostgreSQL server."""

_KINDS = {bool: "true or false", int: "a whole number", float: "a number"}
_RULES = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "min_length": "not empty",
    "pattern": "{}",
}
_PATTERNS = {
    _URL: "an address that begins with http:// or https://",
    _URLS: "an address that begins with http:// or https://, or several, separated by commas",
    _NAME: "letters, digits, -, _ and ., in parts separated by /",
}
