"""`roadmap-assets simulate`: the Gemini simulator as a process of its own."""

from __future__ import annotations

from pathlib import Path

import click

from roadmap_assets.cli import console


@click.command()
@click.option(
    "--port",
    metavar="N",
    default=8099,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port; 0: any free one.",
)
@click.option(
    "--rpm", metavar="N", default=15, show_default=True, type=click.IntRange(0), help="Requests a minute; 0: no limit."
)
@click.option(
    "--tpm",
    metavar="N",
    default=250_000,
    show_default=True,
    type=click.IntRange(0),
    help="Input tokens a minute; 0: no limit.",
)
@click.option(
    "--rpd", metavar="N", default=500, show_default=True, type=click.IntRange(0), help="Requests a day; 0: no limit."
)
@click.option(
    "--window",
    metavar="S",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Length of its minute in seconds.",
)
@click.option(
    "--latency",
    metavar="S",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds before each answer.",
)
@click.option("--key", metavar="KEY", help="The only API key it accepts.  [default: any]")
@click.option(
    "--faults", metavar="FILE", type=click.Path(exists=True, path_type=Path), help="A fault plan, as a JSON file."
)
def simulate(
    port: int, rpm: int, tpm: int, rpd: int, window: float, latency: float, key: str | None, faults: Path | None
) -> None:
    """Run the Gemini simulator by itself, until it is interrupted."""
    from roadmap_assets.simulator.faults import FaultPlan
    from roadmap_assets.simulator.server import SimulatorOptions, serve

    options = SimulatorOptions(
        rpm=rpm,
        tpm=tpm,
        rpd=rpd,
        window_s=window,
        latency_s=latency,
        key=key,
        faults=FaultPlan.load(faults) if faults else FaultPlan(),
    )

    def ready(url: str) -> None:
        console.say(f"Simulating Gemini at {url}")
        console.say(f"Use it with: GOOGLE_GEMINI_BASE_URL={url} GEMINI_API_KEY={key or 'any'}")

    try:
        serve(options, port=port, ready=ready)
    except KeyboardInterrupt:  # how it is meant to end
        console.say("Stopped.")
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on port {port}: {error.strerror}; choose another with --port"
        ) from None
