from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_error_inside_the_server(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail if the server itself raises, whatever fault is simulated."""
    yield
    stumbled = [record for record in caplog.get_records("call") if record.name.startswith(("uvicorn", "asyncio"))]
    assert not [record.getMessage() for record in stumbled if record.levelno >= logging.WARNING]
