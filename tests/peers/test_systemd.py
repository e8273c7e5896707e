"""packaging/mailwright.service, run by systemd itself: with every restriction it names, as its own user, on port 25."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from live.rest import Api, eventually
from live.zone import Background, Dns
from machine import Machine, machine, unfit
from room import DNS, DOMAIN, HOSTNAME, OURS, ZONE

pytestmark = [pytest.mark.peers("systemctl", "nsenter", "systemd-analyze"), pytest.mark.slow]

UNIT = Path(__file__).parents[2] / "packaging/mailwright.service"
URL = "http://127.0.0.1:80"
SETTINGS = f"""
[server]
hostname = "{HOSTNAME}"
addresses = ["{OURS}"]
data = "/var/lib/mailwright"
[smtp]
host = "{OURS}"
port = 25
[api]
port = 80
[dns]
nameservers = ["{DNS}"]
"""
ADA = f"ada@{DOMAIN}"
MESSAGE = b"From: <bob@there.example>\r\nSubject: Tea?\r\n\r\nAt four?\r\n"


@pytest.fixture(scope="module")
def host() -> Iterator[Machine]:
    if reason := unfit():
        pytest.skip(reason)
    # What the unit says is a minute; nobody waits so long for a test.
    with machine(UNIT, SETTINGS, sooner="[Service]\nWatchdogSec=3\n") as found:
        yield found


@pytest.fixture
def service(host: Machine) -> Iterator[Machine]:
    host.control("start", "mailwright")
    yield host
    host.control("stop", "mailwright")
    assert "success" == host.shows("Result")


@pytest.fixture(scope="module")
def ada(host: Machine) -> str:
    """A mailbox that mail is taken for."""
    host.control("start", "mailwright")
    dns = Dns(Background(), ZONE, host=DNS, port=53)
    api(host).aligned_domain(DOMAIN, dns.publish)
    return str(api(host).mailbox(ADA)["id"])


def begun() -> smtplib.SMTP:
    """A peer that has said from whom a message comes."""
    client = smtplib.SMTP(OURS, 25, "there.example", timeout=30)
    client.ehlo()
    client.mail("bob@there.example")
    return client


def api(host: Machine) -> Api:
    return Api(URL, host.run("cat", "/var/lib/mailwright/operator.key"))


def test_it_counts_as_started_when_it_answers_as_its_own_user_with_one_right(service: Machine) -> None:
    with smtplib.SMTP(OURS, 25, timeout=5) as client:
        assert 250 == client.noop()[0]
    assert ("active", "running") == (service.shows("ActiveState"), service.shows("SubState"))
    assert "SMTP port 25" in service.shows("StatusText")
    rights = service.run("grep", "-E", "^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):", f"/proc/{service.shows('MainPID')}/status")
    told = {name: value.split()[0] for name, _, value in (line.partition(":") for line in rights.splitlines())}
    only_low_ports = f"{1 << 10:016x}"
    assert {"Uid": "4242", "CapEff": only_low_ports, "CapBnd": only_low_ports, "NoNewPrivs": "1", "Seccomp": "2"} == told
    assert "drwx------ mailwright" == service.run("stat", "--format", "%A %U", "/var/lib/mailwright")


def test_under_all_restrictions_mail_is_taken_and_a_reload_interrupts_nothing(service: Machine, ada: str) -> None:
    with begun() as client:
        service.control("reload", "mailwright")
        assert "active" == service.shows("ActiveState")
        assert 250 == client.rcpt(ADA)[0]
        assert 250 == client.data(MESSAGE)[0]
    assert "Tea?" == api(service).arrived({"id": ada})["subject"]
    assert "0" == service.shows("NRestarts")


def test_a_server_that_hangs_is_killed_and_started_anew(service: Machine) -> None:
    before = service.shows("MainPID")
    service.run("kill", "-STOP", before)
    eventually(lambda: service.shows("MainPID") not in (before, "0"), 30, lambda: service.control("status", "mailwright"))
    eventually(lambda: service.shows("ActiveState") == "active", 30)
    assert 200 == httpx2.get(f"{URL}/healthz").status_code
    assert 1 <= int(service.shows("NRestarts"))


def test_a_stop_waits_for_the_message_under_way(service: Machine, ada: str) -> None:
    client = begun()
    client.rcpt(ADA)
    client.docmd("DATA")
    service.control("stop", "--no-block", "mailwright")
    eventually(lambda: service.shows("ActiveState") == "deactivating", 10)
    client.send(MESSAGE.replace(b"Tea?", b"Last orders") + b".\r\n")
    code = client.getreply()[0]
    client.close()  # 421 comes unasked
    eventually(lambda: service.shows("ActiveState") == "inactive", 30, lambda: service.control("status", "mailwright"))
    assert (250, "success", "0") == (code, service.shows("Result"), service.shows("ExecMainStatus"))
    service.control("start", "mailwright")
    assert "Last orders" == api(service).arrived({"id": ada})["subject"]
