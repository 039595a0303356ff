"""A provider's address: checked before any call, and shown without a password."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit

from roadmap_assets.errors import InvalidSetting


def check_address(url: str) -> None:
    """Raise InvalidSetting, without quoting a password, when nothing can be sent to this address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:  # a port that is no number or too large, brackets that do not match, a name that is too long
        usable = False
    if not usable or any(mark.isspace() or not mark.isprintable() for mark in url):
        raise InvalidSetting(
            "GOOGLE_GEMINI_BASE_URL is not an address that a request can be sent to: it must be http:// or https://, a "
            "host name, and, if any, a port from 1 to 65535"
        )


def public_address(url: str) -> str:
    """The address without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")).rstrip("/")


def password_of(url: str | None) -> list[str]:
    """The password in an address, if there is one."""
    password = urlsplit(url).password if url else None
    return [password] if password else []
