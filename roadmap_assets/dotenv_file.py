"""Reading the file `.env` of the current directory, which may have come with a folder of somebody else's."""

from __future__ import annotations

import stat
from pathlib import Path

from roadmap_assets.errors import InvalidSetting

_DOTENV = ".env"
_MAX_BYTES = 65_536


def read_dotenv() -> dict[str, str]:
    """What the file sets, with names in upper case.

    Raises InvalidSetting if it cannot be read, and for what is no small regular file: a pipe or device could block us,
    or never end.
    """
    try:
        return _read()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"the file .env cannot be read ({error}); correct it, or move it away") from None


def _read() -> dict[str, str]:
    status = Path(_DOTENV).stat()
    if stat.S_ISDIR(status.st_mode):  # a virtual environment may be called so
        return {}
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
        raise InvalidSetting(f"the file .env is no regular file of at most {_MAX_BYTES} bytes; move it away")
    from dotenv import dotenv_values  # most folders have no such file

    return {name.upper(): value for name, value in dotenv_values(_DOTENV, encoding="utf-8").items() if value}
