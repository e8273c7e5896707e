"""Where backups lie: pieces by their content, manifests that can't be changed unseen, and what was broken off."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import msgspec
import pytest

from mailwright.keeping.archive import Broken, Folder, NoArchive, Tar, fetch, reading, store
from mailwright.keeping.manifest import PIECE, BadManifest, File, Manifest, parse, render


def manifest(made_at: int = 1_700_000_000_123, **blobs: File) -> Manifest:
    return Manifest(1, "0.1.0", made_at, File(0, ()), blobs, {})


def put(archive, content: bytes) -> File:
    return store(archive, io.BytesIO(content))


@pytest.fixture(params=["folder", "tar"])
def kept(request, tmp_path: Path):
    """How to write an archive of either kind, and how to read it again."""
    if request.param == "folder":
        return Folder(tmp_path / "backups").writing, lambda: reading(tmp_path / "backups")
    return lambda: Tar.writing(tmp_path / "b.tar"), lambda: reading(tmp_path / "b.tar")


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_what_was_stored_is_fetched(kept, size: int):
    writing, read = kept
    content = os.urandom(size)
    with writing() as archive:
        name = archive.add(manifest(blb_1=put(archive, content)))
    again = read()
    assert [name] == again.names()
    assert content == b"".join(fetch(again, again.manifest(name).blobs["blb_1"]))


def test_what_is_there_is_not_written_again(tmp_path: Path):
    with Folder(tmp_path).writing() as archive:
        put(archive, b"a" * PIECE + b"b")
        written = archive.written
        put(archive, b"a" * PIECE + b"c")
        assert 1 == archive.written - written


def test_a_changed_piece_is_noticed(tmp_path: Path):
    with Folder(tmp_path).writing() as archive:
        file = put(archive, b"tea")
    (tmp_path / "pieces" / file.pieces[0][:2] / file.pieces[0]).write_bytes(b"teb")
    with pytest.raises(Broken, match="is not what was written"):
        list(fetch(archive, file))


def test_a_missing_piece_is_noticed(kept):
    writing, read = kept
    with writing() as archive:
        archive.add(manifest())
    with pytest.raises(Broken, match="is missing"):
        read().get("0" * 64)


def test_a_changed_manifest_no_longer_fits_its_name():
    name, content = render(manifest())
    assert manifest() == parse(name, content)
    with pytest.raises(BadManifest, match="does not fit its name"):
        parse(name, content.replace(b"0.1.0", b"0.1.1"))


def test_a_manifest_of_a_newer_version_is_left_alone():
    name, content = render(Manifest(99, "7.0", 0, File(0, ()), {}, {}))
    with pytest.raises(BadManifest, match=r"written by version 7\.0"):
        parse(name, content)


def test_manifests_are_named_by_their_time():
    assert render(manifest())[0].startswith("2023-11-14T22-13-20.123Z-")


def test_two_do_not_write_into_one_folder(tmp_path: Path):
    with Folder(tmp_path).writing(), pytest.raises(NoArchive, match="under way"), Folder(tmp_path).writing():
        pass
    with Folder(tmp_path).writing():
        pass


def test_a_tar_file_is_not_written_over(tmp_path: Path):
    with Tar.writing(tmp_path / "b.tar") as archive:
        archive.add(manifest())
    with pytest.raises(NoArchive, match="there already"), Tar.writing(tmp_path / "b.tar"):
        pass


def test_a_tar_file_that_was_broken_off_has_no_name(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), Tar.writing(tmp_path / "b.tar"):
        raise KeyboardInterrupt
    assert not (tmp_path / "b.tar").exists()
    with Tar.writing(tmp_path / "b.tar") as archive:
        archive.add(manifest())


@pytest.mark.parametrize("what", ["nothing", "a file", "an empty folder"])
def test_where_there_is_no_backup_that_is_said(tmp_path: Path, what: str):
    place = tmp_path / "place"
    if what == "a file":
        place.write_bytes(b"no tar file")
    if what == "an empty folder":
        place.mkdir()
    with pytest.raises(NoArchive):
        reading(place)


def test_only_the_newest_are_kept_and_what_they_need(tmp_path: Path):
    with Folder(tmp_path).writing() as archive:
        shared, old, new = put(archive, b"shared"), put(archive, b"old"), put(archive, b"new")
        archive.add(manifest(1_000, blb_1=shared, blb_2=old))
        newest = archive.add(manifest(2_000, blb_1=shared, blb_3=new))
        assert 1 == archive.keep(1)
    assert [newest] == archive.names()
    assert (True, False, True) == tuple(archive.has(file.pieces[0]) for file in (shared, old, new))


def test_s30_nobody_else_reads_an_archive(tmp_path: Path):
    folder = tmp_path / "backups"
    with Folder(folder).writing() as archive:
        put(archive, b"secret")
        archive.add(manifest())
    with Tar.writing(tmp_path / "b.tar") as tar:
        tar.add(manifest())
    modes = {path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*"), tmp_path / "b.tar"]}
    assert {0} == modes


@pytest.mark.parametrize(
    "change",
    [
        *({"files": {path: File(0, ())}} for path in ("../x", "a/../../x", "/etc/x", "a//x", "./x", "a/./x", "", "x\0y")),
        *({"blobs": {blob: File(0, ())}} for blob in ("../../x", "/x", "..", "", "a/b", "x\0")),
        {"database": File(1, ("../../../../../../etc/passwd",))},
        {"files": {"x": File(1, ("aa/../../x",))}},
    ],
    ids=repr,
)
def test_s22_a_manifest_that_leads_out_of_its_folders_is_none(change):
    good = Manifest(1, "0.1.0", 0, File(0, ()), {"blb_1": File(0, ())}, {"acme/account.json": File(0, ("a" * 64,))})
    assert good == parse(*render(good))
    with pytest.raises(BadManifest):
        parse(*render(msgspec.structs.replace(good, **change)))


@pytest.mark.parametrize("content", [b'{"format":1,"version":"\xe1"}', b"[" * 100_000])
def test_a_manifest_that_can_not_be_read_is_refused_in_words(content: bytes):
    name = f"2026-01-01T00-00-00.000Z-{hashlib.sha256(content).hexdigest()[:16]}.json"
    with pytest.raises(BadManifest):
        parse(name, content)
