"""Leases: two runs ask a key once, and nobody waits for the dead."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.warehouse import duckdb
from roadmap_assets.warehouse.base import Connection, Warehouse, in_transaction
from roadmap_assets.warehouse.leases import Claim, LeaseHolder
from roadmap_assets_tests.postgres import as_set
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse.test_enrichments import answer, store

_UNTIL_KNOWN_S = 0.1
"""A server notices that a socket was closed within milliseconds, and on a busy machine a little later."""

LEASE = """
import sys
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.registry import open_warehouse

warehouse = open_warehouse(load_settings(db=sys.argv[1]).db)
with LeaseHolder(warehouse, ttl_s=float(sys.argv[2])) as holder:
    with warehouse.transaction() as connection:
        holder.claim(connection, sys.argv[3].split(","))
    print("leased", flush=True)
    sys.stdin.readline()
"""


LEASE_AND_NEVER_COMMIT = """
import sys
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.registry import open_warehouse

warehouse = open_warehouse(load_settings(db=sys.argv[1]).db)
with LeaseHolder(warehouse) as holder, warehouse.transaction() as connection:
    while not holder.claim(connection, sys.argv[2].split(",")).leased:
        pass
    print("leased", flush=True)
    sys.stdin.readline()
"""


def claim(holder: LeaseHolder, warehouse: Warehouse, keys: Iterable[str]) -> Claim:
    with warehouse.transaction() as connection:
        return holder.claim(connection, keys)


def parts(*, answered: str = "", leased: str = "", held: str = "") -> Claim:
    return Claim(frozenset(answered), frozenset(leased), frozenset(held), frozenset())


def test_that_each_key_is_answered_leased_or_held(warehouse: Warehouse) -> None:
    store(warehouse, answer("a"))
    with LeaseHolder(warehouse) as one, LeaseHolder(warehouse) as other:
        assert claim(one, warehouse, "abc") == parts(answered="a", leased="bc")
        assert claim(other, warehouse, iter("abcd")) == parts(answered="a", leased="d", held="bc")
        assert claim(other, warehouse, []) == parts()


def test_that_ones_own_lease_is_claimed_again(warehouse: Warehouse) -> None:
    with LeaseHolder(warehouse) as one, LeaseHolder(warehouse) as other:
        for _ in range(2):
            assert claim(one, warehouse, "ab") == parts(leased="ab")
        assert claim(other, warehouse, "ab") == parts(held="ab")


def test_that_what_is_answered_meanwhile_is_no_longer_held(warehouse: Warehouse) -> None:
    with LeaseHolder(warehouse) as one, LeaseHolder(warehouse) as other:
        claim(one, warehouse, "ab")
        store(warehouse, answer("a"))
        assert claim(other, warehouse, "ab") == parts(answered="a", held="b")


def test_that_the_end_of_a_run_frees_its_keys_and_leaves_nothing(warehouse: Warehouse) -> None:
    with LeaseHolder(warehouse) as one:
        claim(one, warehouse, "ab")
    with warehouse.transaction() as connection:
        assert connection.execute("SELECT * FROM enrichment_leases").fetchall() == []
        assert connection.execute("SELECT * FROM lease_holders").fetchall() == []


def test_that_the_end_of_a_run_leaves_no_file(file: duckdb.Warehouse) -> None:
    with LeaseHolder(file) as one:
        claim(one, file, "ab")
    assert not any((file.path.parent / f"{file.path.name}.holders").iterdir())


def test_that_the_end_of_a_run_that_cannot_write_frees_its_keys_as_well(file: duckdb.Warehouse) -> None:
    impatient = duckdb.Warehouse(file.path, wait_s=0.1)
    with ExitStack() as busy, LeaseHolder(impatient) as one:
        claim(one, file, "ab")
        busy.enter_context(file.transaction())  # so that the database cannot be opened when the run ends
    with LeaseHolder(file) as other:
        assert claim(other, file, "ab") == parts(leased="ab")


def test_that_a_lease_ends_unless_it_is_renewed(warehouse: Warehouse) -> None:
    with LeaseHolder(warehouse, ttl_s=1.0) as renewed, LeaseHolder(warehouse, ttl_s=1.0) as expired:
        claim(renewed, warehouse, "a")
        claim(expired, warehouse, "b")
        for _ in range(5):
            time.sleep(0.25)
            with warehouse.transaction() as connection:
                renewed.renew(connection)
        with LeaseHolder(warehouse) as late:
            assert claim(late, warehouse, "ab") == parts(leased="b", held="a")


def test_that_the_keys_of_a_killed_run_are_free_at_once(database: Path | PostgresUrl, warehouse: Warehouse) -> None:
    with Program(LEASE, as_set(database), 3600, "a,b") as program, LeaseHolder(warehouse) as holder:
        program.line()
        assert claim(holder, warehouse, "abc") == parts(leased="c", held="ab")
        program.kill()
        time.sleep(_UNTIL_KNOWN_S)
        assert claim(holder, warehouse, "abc") == parts(leased="abc")


def test_that_the_next_claim_clears_up_after_the_killed(file: duckdb.Warehouse) -> None:
    folder = file.path.with_name(f"{file.path.name}.holders")
    with Program(LEASE, file.path, 3600, "a") as program:
        program.line()
        program.kill()
    (folder / "killed-before-its-first-claim").touch()
    with LeaseHolder(file) as alive, LeaseHolder(file) as holder:
        claim(holder, file, "b")
        assert {file.name for file in folder.iterdir()} == {alive.id, holder.id}
        with file.transaction() as connection:
            assert connection.execute("SELECT * FROM enrichment_leases").fetchall() == [("b", holder.id)]


def test_that_the_keys_of_a_killed_run_are_free_at_once_although_the_run_that_freed_them_was_killed_as_well(
    database: Path | PostgresUrl, warehouse: Warehouse
) -> None:
    with Program(LEASE, as_set(database), 3600, "a,b") as program:
        program.line()
    with Program(LEASE_AND_NEVER_COMMIT, as_set(database), "a,b") as program:
        assert program.line() == "leased"
    time.sleep(_UNTIL_KNOWN_S)
    with LeaseHolder(warehouse) as holder:
        assert claim(holder, warehouse, "ab") == parts(leased="ab")


def test_that_a_claim_that_is_rolled_back_leaves_the_keys_of_a_killed_run_to_the_next(
    database: Path | PostgresUrl, warehouse: Warehouse
) -> None:
    with Program(LEASE, as_set(database), 3600, "a,b") as program:
        program.line()
    time.sleep(_UNTIL_KNOWN_S)

    def claim_and_fail(connection: Connection) -> None:
        assert holder.claim(connection, "ab") == parts(leased="ab")
        raise RuntimeError

    with LeaseHolder(warehouse) as holder:
        with pytest.raises(RuntimeError):
            in_transaction(warehouse, claim_and_fail)
        assert claim(holder, warehouse, "ab") == parts(leased="ab")


def test_that_the_keys_of_a_frozen_run_are_free_when_its_lease_expires(
    database: Path | PostgresUrl, warehouse: Warehouse
) -> None:
    with Program(LEASE, as_set(database), 1.5, "a,b") as program, LeaseHolder(warehouse) as holder:
        program.line()
        program.freeze()
        assert claim(holder, warehouse, "ab") == parts(held="ab")
        time.sleep(1.5)
        assert claim(holder, warehouse, "ab") == parts(leased="ab")


def test_that_a_run_that_comes_back_too_late_takes_nothing_from_its_successor(warehouse: Warehouse) -> None:
    with LeaseHolder(warehouse, ttl_s=0.0) as late, LeaseHolder(warehouse) as successor:
        claim(late, warehouse, "a")
        claim(successor, warehouse, "a")
        with warehouse.transaction() as connection:
            late.renew(connection)
        assert claim(late, warehouse, "a") == parts(held="a")
        assert claim(successor, warehouse, "a") == parts(leased="a")


def test_that_a_living_holder_whose_file_is_removed_keeps_its_keys_until_they_expire(file: duckdb.Warehouse) -> None:
    folder = file.path.with_name(f"{file.path.name}.holders")
    with LeaseHolder(file, ttl_s=1.0) as one, LeaseHolder(file) as other:
        claim(one, file, "ab")
        (folder / one.id).unlink()
        assert claim(other, file, "ab") == parts(held="ab"), "the database decides"
        time.sleep(1.1)
        assert claim(other, file, "ab") == parts(leased="ab")


def test_that_holders_whose_folder_is_removed_still_exclude_each_other(file: duckdb.Warehouse) -> None:
    with LeaseHolder(file) as one, LeaseHolder(file) as other:
        claim(one, file, "ab")
        shutil.rmtree(file.path.with_name(f"{file.path.name}.holders"))
        assert claim(other, file, "bc") == parts(leased="c", held="b")
        assert claim(one, file, "bc") == parts(leased="b", held="c")
