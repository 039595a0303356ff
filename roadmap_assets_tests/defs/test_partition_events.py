"""What we take from Dagster that is not public: a test that fails when Dagster drops it; and where that shows."""

import dagster as dg

from roadmap_assets.defs.checks import CHECKS
from roadmap_assets.defs.partition_events import LOGGED_ALREADY
from roadmap_assets_tests.defs.project import WITH_PAGE, Project


def test_dagster_logs_nothing_for_a_result_that_is_marked_as_logged() -> None:
    @dg.asset
    def marked() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(metadata=LOGGED_ALREADY)

    @dg.asset
    def plain() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([marked, plain], instance=instance).success
        assert instance.get_latest_materialization_event(dg.AssetKey("marked")) is None
        assert instance.get_latest_materialization_event(dg.AssetKey("plain")) is not None


def test_no_output_of_a_run_of_one_roadmap_shows_a_private_key(project: Project) -> None:
    project.write("music")
    result = project.run("music")
    shown = [event.step_output_data.metadata for event in result.all_events if event.is_successful_output]
    assert len(shown) == len(WITH_PAGE) + sum(map(len, CHECKS.values()))
    assert not [name for metadata in shown for name in metadata if name.startswith("_")]
