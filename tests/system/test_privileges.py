"""Who the server is, and who it becomes."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from mailwright.system.privileges import BadUser, Identity, identity, own_folder

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody")


@root
def test_s30_root_must_say_whom_to_become():
    with pytest.raises(BadUser, match=r"set server\.user"):
        identity("", run_as_root=False)


@root
def test_root_stays_root_where_it_is_told_to():
    assert identity("", run_as_root=True) is None


@root
def test_root_becomes_a_user_that_there_is():
    nobody = pwd.getpwnam("nobody")
    assert Identity("nobody", nobody.pw_uid, nobody.pw_gid) == identity("nobody", run_as_root=False)
    with pytest.raises(BadUser, match="there is no user"):
        identity("nobody-of-that-name", run_as_root=False)


@root
def test_s30_root_by_another_name_is_no_user_to_become():
    with pytest.raises(BadUser, match="root by another name"):
        identity("root", run_as_root=False)


def as_nobody(code: str) -> str:
    """What a process says that became `nobody` first."""
    program = (
        "import os; from pathlib import Path; from mailwright.system.privileges import *\n"
        "become(identity('nobody', run_as_root=False))\n" + code
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


@root
def test_s30_there_is_no_way_back_to_root():
    nobody = pwd.getpwnam("nobody")
    ids = as_nobody("print(os.getresuid(), os.getresgid(), sorted(os.getgroups()))")
    assert f"{(nobody.pw_uid,) * 3} {(nobody.pw_gid,) * 3} {[nobody.pw_gid]}" == ids
    assert "PermissionError" == as_nobody("try:\n    os.setuid(0)\nexcept PermissionError as e:\n    print(type(e).__name__)")


@root
def test_who_is_not_root_becomes_nobody_else():
    assert "None" == as_nobody("print(identity('', run_as_root=False))")
    assert "None" == as_nobody("print(identity('nobody', run_as_root=False))")
    said = as_nobody("try:\n    identity('daemon', run_as_root=False)\nexcept BadUser as e:\n    print(e)")
    assert "only root can become daemon" in said


@root
def test_s30_a_new_data_folder_is_the_users_alone(tmp_path: Path):
    nobody = identity("nobody", run_as_root=False)
    assert nobody is not None
    own_folder(tmp_path / "data", nobody)
    found = (tmp_path / "data").stat()
    assert (nobody.uid, 0o700) == (found.st_uid, found.st_mode & 0o777)


@root
def test_a_data_folder_of_somebody_else_is_refused_with_the_command_that_mends_it(tmp_path: Path):
    (tmp_path / "data").mkdir()
    with pytest.raises(BadUser, match="chown -R nobody"):
        own_folder(tmp_path / "data", identity("nobody", run_as_root=False))


def test_s30_a_data_folder_that_others_can_read_is_closed(tmp_path: Path):
    (tmp_path / "data").mkdir(mode=0o755)
    own_folder(tmp_path / "data", None)
    assert 0o700 == (tmp_path / "data").stat().st_mode & 0o777
