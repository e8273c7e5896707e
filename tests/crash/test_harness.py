"""The crash harness, in short; and that it notices a server which breaks its promises."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the harness stands beside src/, and is no part of it

from crash.disk import FileSystem, Gone, possible
from crash.faults import FAULTS, Fault, kill_at, power_cut
from crash.rounds import Runner
from mailwright.faults import Point

ROUNDS = 5
SEED = 1
harness = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.xdist_group("crash")]


@contextmanager
def runner(tell: Callable[[str], None], sabotage: str = "") -> Iterator[Runner]:
    """A runner whose worlds end with the test."""
    made = Runner(lambda line: None, sabotage=sabotage)
    try:
        yield made
    finally:
        made.close()
        tell(made.table())


class TestTheServer:
    pytestmark = harness

    def test_it_loses_nothing_and_hides_nothing(self, tell: Callable[[str], None]) -> None:
        with runner(tell) as rounds:
            for seed in range(SEED, SEED + ROUNDS):
                rounds.run(seed)
        assert [] == rounds.report.failed


class TestTheHarness:
    """It can fail: a server that breaks a promise is found out."""

    pytestmark = harness

    def test_it_notices_a_server_that_says_yes_too_early(self, tell: Callable[[str], None]) -> None:
        with runner(tell, "early") as rounds:
            verdict = rounds.run(1, Fault("too early", kill_at(Point.GROUP_READY)))
        assert verdict is not None
        assert verdict.lost

    def test_it_notices_a_duplicate_that_is_not_told(self, tell: Callable[[str], None]) -> None:
        with runner(tell, "untold") as rounds:
            verdict = rounds.run(1, Fault("untold", kill_at(Point.DELIVERY_DOT)))
        assert verdict is not None
        assert verdict.untold

    @pytest.mark.skipif(possible() is not None, reason=str(possible()))
    def test_it_notices_a_server_that_does_not_sync(self, tell: Callable[[str], None]) -> None:
        with runner(tell, "unsynced") as rounds:
            verdict = rounds.run(1, Fault("unsynced", power_cut, on_disk=True))
        assert verdict is not None
        assert not verdict.good


def test_every_point_has_its_fault() -> None:
    names = {fault.name for fault in FAULTS}
    elsewhere = {Point.MIGRATION_RAN, Point.START_RELEASED}
    assert {f"kill at {point}" for point in set(Point) - elsewhere} <= names
    assert len(names) == len(FAULTS)


class TestTheDisk:
    """What survives a power cut, without mounting anything."""

    def made(self, content: bytes = b"old") -> tuple[FileSystem, int]:
        files = FileSystem()
        node = files.make(1, "file", 0o100600)
        files.node(node).change((0, content))
        return files, node

    def content(self, files: FileSystem) -> bytes | None:
        try:
            return bytes(files.node(files.find(1, "file")).live)
        except Gone:
            return None

    def test_a_name_that_was_not_synced_is_gone(self) -> None:
        files, node = self.made()
        files.sync(files.node(node))
        files.cut(None)
        assert self.content(files) is None

    def test_bytes_that_were_not_synced_are_gone(self) -> None:
        files, node = self.made()
        files.sync(files.node(node))
        files.sync(files.node(1))
        files.node(node).change((0, b"new"))
        assert b"new" == self.content(files)
        files.cut(None)
        assert b"old" == self.content(files)

    def test_some_sectors_survive_and_others_do_not(self) -> None:
        files, node = self.made(bytes(100 * 512))
        files.sync(files.node(node))
        files.sync(files.node(1))
        files.node(node).change((0, b"x" * 100 * 512))
        files.cut(random.Random(1))
        found = self.content(files)
        assert found is not None
        sectors = {found[at : at + 512] for at in range(0, len(found), 512)}
        assert {bytes(512), b"x" * 512} == sectors

    def test_a_rename_without_a_sync_did_not_happen(self) -> None:
        files, node = self.made()
        for one in (node, 1):
            files.sync(files.node(one))
        files.rename(1, "file", 1, "other")
        files.cut(None)
        assert b"old" == self.content(files)

    def test_a_failed_sync_forgets_what_it_was_to_write(self) -> None:
        files, node = self.made()
        files.sync(files.node(1))
        files.failing_syncs = 1
        with pytest.raises(Gone):
            files.sync(files.node(node))
        files.sync(files.node(node))
        files.cut(None)
        assert b"" == self.content(files)

    def test_a_disk_that_stopped_takes_nothing(self) -> None:
        files, node = self.made()
        files.stops_at = files.operations + 1
        files.sync(files.node(node))
        with pytest.raises(Gone):
            files.sync(files.node(1))
        assert files.dead
