"""Every tunable once: its name, environment variable, default, range and meaning.

Values come from the environment or a `.env` file in the current directory; keys come from nowhere else. `Settings`
is what the rest of the program passes around; nothing else reads the environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from roadmap_assets.errors import InvalidSetting

MAX_BATCH_SIZE = 20
_URL = r"^https?://[^/?#\s]+[^?#\s]*$"
_URLS = r"^https?://[^/?#\s,]+[^?#\s,]*(,\s*https?://[^/?#\s,]+[^?#\s,]*)*$"
_NAME = r"^[\w.-]+(/[\w.-]+)*$"


def _variable(name: str, meaning: str, default: Any, **limits: Any) -> Any:
    """A field that is read from the environment variable `name`."""
    return Field(default=default, validation_alias=name, description=meaning, **limits)


class Settings(BaseSettings):
    """What can be set. Raises pydantic's ValidationError; use `load_settings` for an error fit for people."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    db: Path = _variable("ROADMAP_DB", "DuckDB database that holds everything", Path(".cache/enrichment.duckdb"))
    output: Path = _variable("ROADMAP_OUTPUT", "folder that CSV files are written to", Path("output"))
    site: Path = _variable("ROADMAP_SITE", "folder that pages are written to", Path("site"))
    source: str = _variable("ROADMAP_SOURCE", "where roadmaps come from: live, sample, or a directory", "live")
    github_api: str = _variable(
        "ROADMAP_GITHUB_API", "base URL of GitHub's API", "https://api.github.com", pattern=_URL
    )
    github_raw: str = _variable(
        "ROADMAP_GITHUB_RAW", "base URL of raw files", "https://raw.githubusercontent.com", pattern=_URL
    )
    github_repository: str = _variable(
        "ROADMAP_GITHUB_REPOSITORY", "repository of the texts", "nilbuild/developer-roadmap", pattern=_NAME
    )
    github_branch: str = _variable("ROADMAP_GITHUB_BRANCH", "its branch", "master", pattern=_NAME)
    github_folder: str = _variable("ROADMAP_GITHUB_FOLDER", "its folder of roadmaps", "roadmaps", pattern=_NAME)
    roadmap_sh_api: str = _variable(
        "ROADMAP_SH_API",
        "base URL of roadmap.sh's API; of several, separated by commas, the next is used when one does not answer",
        "https://roadmap.sh/api,https://api.roadmap.sh",
        pattern=_URLS,
    )
    allow_missing_texts: bool = _variable(
        "ROADMAP_ALLOW_MISSING_TEXTS", "a roadmap is fetched without the texts that nobody serves", False
    )
    github_token: SecretStr | None = _variable("GITHUB_TOKEN", "raises GitHub's limit of 60 requests an hour", None)

    gemini_api_key: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("GEMINI_API_KEY", "GOOGLE_API_KEY"))
    ] = Field(default=None, description="key of the Gemini API")
    gemini_base_url: str | None = _variable(
        "GOOGLE_GEMINI_BASE_URL", "a stand-in for Gemini's address", None, pattern=_URL
    )
    model: str = _variable("ROADMAP_MODEL", "Gemini model that is asked", "gemini-3.5-flash-lite", min_length=1)
    profile: str = _variable("ROADMAP_PROFILE", "columns asked for: summary, study, or module:Class", "summary")
    temperature: float | None = _variable(
        "ROADMAP_TEMPERATURE", "sent when set; newer models ignore it", None, ge=0, le=2
    )
    thinking_level: Literal["minimal", "low", "medium", "high"] | None = _variable(
        "ROADMAP_THINKING_LEVEL", "sent when set; thinking counts as output", None
    )

    batch_size: int = _variable("ROADMAP_BATCH_SIZE", "topics in one call", 20, ge=1, le=MAX_BATCH_SIZE)
    batch_tokens: int = _variable("ROADMAP_BATCH_TOKENS", "input tokens in one call", 16_000, ge=500)
    description_chars: int = _variable(
        "ROADMAP_DESCRIPTION_CHARS", "a longer description is cut at a sentence's end before it is sent", 2_000, ge=100
    )
    timeout_s: float = _variable("ROADMAP_TIMEOUT", "seconds one attempt may take in total", 30.0, gt=0, le=3600)
    concurrency: int = _variable("ROADMAP_CONCURRENCY", "calls in flight at once", 16, ge=1, le=256)
    attempts: int = _variable("ROADMAP_ATTEMPTS", "times a batch or a topic is asked in one run", 4, ge=1, le=20)
    failure_runs: int = _variable("ROADMAP_FAILURE_RUNS", "runs that try a failed topic again", 3, ge=1)
    budget_usd: float | None = _variable("ROADMAP_BUDGET_USD", "a run stops before the call that passes it", None, ge=0)
    prices: Path | None = _variable("ROADMAP_PRICES", "price table (TOML) instead of the packaged one", None)

    rpm: int = _variable("ROADMAP_RPM", "requests a minute; 0 for no limit", 15, ge=0)
    tpm: int = _variable("ROADMAP_TPM", "input tokens a minute; 0 for no limit", 250_000, ge=0)
    rpd: int = _variable("ROADMAP_RPD", "requests a day, Los Angeles time; 0 for no limit", 500, ge=0)
    quota_window_s: float = _variable(
        "ROADMAP_QUOTA_WINDOW", "seconds in the quota's minute, for tests", 60.0, gt=0, le=3600
    )
    pacing: Literal["burst", "even"] = _variable(
        "ROADMAP_PACING", "burst sends what the window allows; even spaces calls", "burst"
    )
    quota_url: str = _variable("ROADMAP_QUOTA_URL", "limiter's shared state; empty for a file beside the database", "")

    offline: bool = _variable("ROADMAP_OFFLINE", "a built-in simulator answers instead of Gemini", False)
    runs_per_tick: int = _variable("ROADMAP_RUNS_PER_TICK", "Dagster: runs that new_roadmaps asks for at once", 5, ge=1)
    owners: str = _variable("ROADMAP_OWNERS", "Dagster: owners, as e-mails or team:name, by comma", "team:roadmaps")
    git_url: str = _variable("ROADMAP_GIT_URL", "Dagster: repository that the UI links source code to", "")
    git_branch: str = _variable("ROADMAP_GIT_BRANCH", "Dagster: branch that the links lead to", "main")

    @field_validator("gemini_api_key", "github_token", mode="before")
    @classmethod
    def _fit_for_a_header(cls, key: object) -> object:
        """A key copied with the line's end is mended; one that no HTTP header could carry is refused here."""
        if not isinstance(key, str):
            return key
        if not (key.strip().isascii() and key.strip().isprintable()) or " " in key.strip():
            raise ValueError("no key")  # explained by `_explain`
        return key.strip() or None

    @property
    def quota_address(self) -> str:
        """URL of the limiter's shared state: as set, or a SQLite file beside the database."""
        return self.quota_url or f"sqlite:///{self.db.absolute().with_suffix('.quota.sqlite')}"


def load_settings(**given: Any) -> Settings:
    """The settings from the environment, with `given` (by field name, None meaning not given) on top.

    Raises:
        InvalidSetting: naming the variable, the value's fault and the allowed range; never the value of a key.
    """
    try:
        return Settings(**{variable_of(name): value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise InvalidSetting("; ".join(_explain(e) for e in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"the file .env cannot be read ({error}); mend it, or move it away") from None


def variable_of(field: str) -> str:
    """The environment variable that sets a field."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else str(alias)


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
    variable = str(error["loc"][0])
    field = next(name for name in Settings.model_fields if variable in _variables_of(name))
    value = " cannot be used" if is_secret(field) else f" is {str(error['input'])[:80]!r}"
    return f"{variable}{value}; allowed: {allowed(field)} ({Settings.model_fields[field].description})"


def _variables_of(field: str) -> list[str]:
    alias = Settings.model_fields[field].validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [str(alias)]


def _one_of(choices: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


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
