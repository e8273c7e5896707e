"""Logging in, and which server and key a verb uses."""

from __future__ import annotations

import io
import stat
from functools import partial
from pathlib import Path

import httpx2
import pytest
import typer
from typer.testing import CliRunner

from mailwright.__main__ import cli
from mailwright.commands.verbs import calling, profiles
from mailwright.commands.verbs.profiles import Connection, connection


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in (profiles.URL, profiles.KEY, profiles.PROFILE):
        monkeypatch.delenv(name, raising=False)


def answering(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    error = {"error": {"code": "x", "message": "m", "fix": "f"}}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, json=error))
    monkeypatch.setattr(calling, "Server", partial(calling.Server, transport=transport))


@pytest.mark.parametrize("status", [200, 403])
def test_s28_a_key_is_kept_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    answering(monkeypatch, status)
    done = CliRunner().invoke(cli, ["login", "https://mail.test/", "--profile", "work"], input="mw_live_x\n")
    assert (0, 0o600) == (done.exit_code, stat.S_IMODE(profiles.path().stat().st_mode))
    assert Connection("https://mail.test", "mw_live_x") == connection(None, None, "work")
    assert "mw_live_x" not in done.output


def test_a_key_that_is_none_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 401)
    done = CliRunner().invoke(cli, ["login", "https://mail.test"], input="nonsense\n")
    assert (1, False) == (done.exit_code, profiles.path().exists())


def test_logging_out_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles.write({"default": {"url": "https://a.test", "key": "k"}, "other": {"url": "https://b.test", "key": "l"}})
    assert [0, 2] == [CliRunner().invoke(cli, ["logout"]).exit_code for _ in range(2)]
    assert ["other"] == list(profiles.read())


def test_options_win_over_the_environment_and_that_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles.write({"default": {"url": "https://kept.test", "key": "kept"}})
    assert Connection("https://kept.test", "kept") == connection(None, None, None)
    monkeypatch.setenv(profiles.URL, "https://env.test")
    monkeypatch.setenv(profiles.KEY, "env")
    assert Connection("https://env.test", "env") == connection(None, None, None)
    assert Connection("https://typed.test", "typed") == connection("https://typed.test", "typed", None)
    assert Connection("https://kept.test", "kept") == connection(None, None, "default")


def test_s28_a_kept_key_is_never_sent_to_another_server() -> None:
    profiles.write({"default": {"url": "https://kept.test", "key": "kept"}})
    assert Connection("https://other.test", None) == connection("https://other.test", None, None)


@pytest.mark.parametrize("content", ["{", "[]", '{"default": {}}', '{"default": 1}'])
def test_a_file_that_is_none_is_told(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    profiles.write({})
    profiles.path().write_text(content)
    with pytest.raises(typer.Exit) as end:
        profiles.read()
    assert (2, True) == (end.value.exit_code, "no file of profiles" in capsys.readouterr().err)


def test_a_file_that_others_may_read_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    profiles.write({})
    profiles.path().chmod(0o644)
    with pytest.raises(typer.Exit):
        profiles.read()
    assert "chmod 600" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["mail.test", "ftp://mail.test", "https://", "http:///", ""])
def test_what_is_no_url_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert 2 == CliRunner().invoke(cli, ["login", url, "--key", "k"]).exit_code
