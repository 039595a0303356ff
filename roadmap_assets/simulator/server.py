"""Running the simulator: in a thread beside the caller, or by itself."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from uvicorn.config import Config
from uvicorn.server import ServerState

from roadmap_assets.simulator.app import SimulatorApp, SimulatorOptions
from roadmap_assets.simulator.delivery import SeenRequest

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as HttpProtocol
else:  # whichever of its two parsers uvicorn finds installed; they are used alike
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as HttpProtocol

__all__ = ["SeenRequest", "Simulator", "SimulatorOptions", "serve"]

HOST = "127.0.0.1"

_T = TypeVar("_T")


class _Protocol(HttpProtocol):
    """Uvicorn's HTTP protocol, which puts the connection's transport into the ASGI state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {"transport": transport}
        super().connection_made(transport)


class _Listener:
    """A port of the loopback interface on which the simulator answers, or refuses connections.

    Uvicorn's own ``Server`` polls ten times a second and waits for open requests at its end; starting and stopping
    this one takes a millisecond.
    """

    def __init__(self, app: SimulatorApp, *, port: int) -> None:
        self._config = Config(
            app,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=600,  # longer than any client keeps a connection, which else might use a closing one
        )
        self._config.load()
        self._state = ServerState()
        self._socket = _bound(port)
        self._server: asyncio.Server | None = None
        self.port: int = self._socket.getsockname()[1]
        self.loop_factory = self._config.get_loop_factory()

    async def open(self) -> None:
        """Accept connections."""
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(self._protocol, sock=self._socket)

    async def refuse(self) -> None:
        """Break every connection off and refuse new ones; the port stays ours."""
        if self._server is not None:
            await self._stop(self._server)
            self._server = None
            self._socket = _bound(self.port)

    async def close(self) -> None:
        """Break every connection off and give the port back."""
        if self._server is not None:
            await self._stop(self._server)
        self._socket.close()

    async def _stop(self, server: asyncio.Server) -> None:
        server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await server.wait_closed()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)

    def _protocol(self) -> _Protocol:
        return _Protocol(self._config, self._state, app_state={})


class Simulator:
    """A simulator on a free port of the loopback interface, in a thread of its own, for as long as the context lasts.

    with Simulator(SimulatorOptions(rpm=15, latency_s=2)) as simulator:
        client = genai.Client(http_options=HttpOptions(base_url=simulator.url), api_key="any")
    """

    def __init__(self, options: SimulatorOptions | None = None, *, port: int = 0) -> None:
        self.options = options or SimulatorOptions()
        self._app = SimulatorApp(self.options)
        self._port = port

    def __enter__(self) -> Self:
        self._listener = _Listener(self._app, port=self._port)
        self._runner = asyncio.Runner(loop_factory=self._listener.loop_factory)
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._serve, name="gemini-simulator", daemon=True)
        self._thread.start()
        self._run(self._listener.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._listener.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        # The thread that runs the loop also closes it: the caller's may be inside a running loop of its own.
        with self._runner:
            self._loop.run_forever()

    @property
    def url(self) -> str:
        """The base URL to give to the SDK."""
        return f"http://{HOST}:{self._listener.port}"

    @property
    def requests(self) -> list[SeenRequest]:
        """Requests to the Gemini endpoints since the start or the last reset, in the order of arrival."""
        return list(self._app.seen)

    def reset(self) -> None:
        """Forget the requests seen, the quotas used and the faults that have happened."""

        async def reset() -> None:
            self._app.reset()

        self._run(reset())

    def let_jobs_age(self, seconds: float) -> None:
        """Make every batch job older by so much, as if that time had passed."""

        async def age() -> None:
            self._app.let_jobs_age(seconds)

        self._run(age())

    def refuse(self) -> None:
        """Break every connection off and refuse new ones, as a server that is down; ``accept`` ends it."""
        self._run(self._listener.refuse())

    def accept(self) -> None:
        """Accept connections again, on the same port."""
        self._run(self._listener.open())

    def _run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def serve(options: SimulatorOptions, *, port: int = 0, ready: Callable[[str], None] | None = None) -> None:
    """Run a simulator until the process is interrupted (KeyboardInterrupt); ``ready`` is called with its URL.

    Raises OSError when the port is taken.
    """
    listener = _Listener(SimulatorApp(options), port=port)

    async def run() -> None:
        await listener.open()
        if ready:
            ready(f"http://{HOST}:{listener.port}")
        try:
            await asyncio.Event().wait()
        finally:
            await listener.close()

    with asyncio.Runner(loop_factory=listener.loop_factory) as runner:
        runner.run(run())


def _bound(port: int) -> socket.socket:
    """A socket that holds the port without listening yet: connections to it are refused."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound
