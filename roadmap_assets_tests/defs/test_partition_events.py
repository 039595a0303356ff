"""What we take from Dagster that is not public: a test that fails when Dagster drops it."""

import dagster as dg

from roadmap_assets.defs.partition_events import LOGGED_ALREADY


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
