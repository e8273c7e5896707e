"""`mailwright doctor` at a whole installation: a private mail world, running, and what remains of it."""

from __future__ import annotations

import json
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from mailwright.__main__ import cli
from mailwright.app.assembly import Running
from mailwright.config import Config
from mailwright.doctor.finding import Finding, Level
from mailwright.doctor.looking import Asked, look
from mailwright.local import world


async def examined(asked: Asked) -> dict[str, Finding]:
    return {one.check: one async for one in look(asked)}


def with_ports(running: Running) -> Config:
    """The world's configuration with the ports that it got."""
    config, api_port = running.config, int(running.api_url.rpartition(":")[2])
    return msgspec.structs.replace(
        config,
        smtp=msgspec.structs.replace(config.smtp, port=running.smtp_port),
        api=msgspec.structs.replace(config.api, port=api_port),
    )


@pytest.mark.whole
async def test_a_world_that_runs_is_sound_but_for_its_certificate(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        at_work = await world.start(world.Options(data=tmp_path), tmp_path, stack)
        config = with_ports(at_work.running)
        receivers = at_work.running.config.delivery.port
        found = await examined(Asked(config, ("127.0.0.1", receivers)))
    assert [] == [one for one in found.values() if one.level in (Level.FAILED, Level.UNKNOWN)]
    sound = {"store", "resolver", "HELO name", "FCrDNS", "domain agents.test", "keys of agents.test", "clock", "private key"}
    assert [] == sorted(name for name in sound if found[name].level is not Level.OK)
    assert ["API", "SMTP"] == sorted(one.check.split()[0] for one in found.values() if one.what == "this server answers")
    assert Level.WARNING is found["certificate of SMTP"].level


def damage(data: Path) -> None:
    """Keys lie open, and the database is none any more."""
    data.chmod(0o755)
    (data / "smtp-key.pem").chmod(0o644)
    for file in data.glob("mailwright.db*"):
        file.unlink()
    (data / "mailwright.db").write_bytes(b"no database at all" * 1000)


@pytest.mark.whole
async def test_what_is_broken_is_found(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        at_work = await world.start(world.Options(data=tmp_path), tmp_path, stack)
        config = with_ports(at_work.running)
    damage(tmp_path)
    # The world is gone, and its DNS with it; another program has taken the API's port.
    with socket.create_server(("127.0.0.1", config.api.port)) as other:
        other.settimeout(1)
        found = await examined(Asked(config, ("127.0.0.1", 1)))
    wrong = {one.check.rstrip("0123456789 ") for one in found.values() if one.level is Level.FAILED}
    assert {"data folder", "private key", "store", "resolver", "API port", "outbound port"} <= wrong
    assert [] == [one.check for one in found.values() if one.level is Level.FAILED and not one.fix]


def test_a_configuration_that_cannot_be_read_is_the_first_finding(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[server]\nhostnam = 1\n")
    done = CliRunner().invoke(cli, ["doctor", "--config", str(tmp_path / "bad.toml"), "--json"])
    told = json.loads(done.stdout)
    assert (1, 1, "configuration") == (done.exit_code, told["failed"], told["findings"][0]["check"])


def test_an_exchanger_is_written_as_host_and_port() -> None:
    assert 2 == CliRunner().invoke(cli, ["doctor", "--exchanger", "mx.test:nonsense"]).exit_code
