"""The peers: Postfix, opendkim, opendmarc, each with a configuration of its own, in the foreground.

Nobody ends them: their scene does, by ending itself.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from room import DNS, OLD, OURS, PLACE, STRANGER, THEIR_DOMAIN, THEIR_HOSTNAME, THEIRS

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
RSPAMD = "127.0.0.1:11333"


@dataclass(frozen=True, slots=True)
class Program:
    """A program at work, and what it says."""

    process: subprocess.Popen[bytes]
    log: Path


def start(name: str, command: Sequence[str], *, listens: str) -> Program:
    """Start a program and wait until it listens: on `address:port`, or on a socket file."""
    log = PLACE / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        if _listens(listens):
            return Program(process, log)
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"{name} did not start: {log.read_text()[-2000:]}")


def _listens(where: str) -> bool:
    if where.startswith("/"):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(where) == 0
    host, _, port = where.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


# --- Postfix ------------------------------------------------------------

_SERVICES = f"""
{THEIRS}:25 inet n - n - - smtpd
{OLD}:25 inet n - n - - smtpd
  -o smtpd_discard_ehlo_keywords=8bitmime,chunking,dsn,enhancedstatuscodes,pipelining,size,smtputf8,starttls,etrn,vrfy
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
nouser unix - n n - - pipe user=nobody argv=/bin/sh -c {{echo nobody of that name lives here any more; exit 67}}
"""


class Postfix:
    """The mail server of `there.example`. Mail for `bob@` ends in a Maildir; other names do what `RULES` says."""

    RULES: Mapping[str, str] = {
        "later": "451 4.3.2 Our disk is being changed, come back in an hour",
        "unwanted": "554 5.7.1 Your mail is not wanted here",
    }
    PEOPLE = ("bob", "carol", "bøb", "later", "unwanted", "accepted-then-lost")

    def __init__(
        self,
        milters: Sequence[str] = (),
        *,
        aliases: Mapping[str, str] | None = None,
        domains: Sequence[str] = (),
        certificate: tuple[bytes, bytes] | None = None,
    ) -> None:
        self.domains = (THEIR_DOMAIN, "old.example", *domains)
        self.etc, self.queue, self.data = (_fresh(f"postfix.{name}") for name in ("etc", "queue", "data"))
        self.mail = _fresh("postfix.mail")
        self.log = PLACE / "postfix.maillog"
        account = pwd.getpwnam("postfix")
        os.chown(self.data, account.pw_uid, account.pw_gid)
        os.chown(self.mail, 65534, 65534)
        self._certificate(certificate)
        (self.etc / "main.cf").write_text(
            "".join(f"{name} = {value}\n" for name, value in {**self._settings(milters), **_aliases(aliases or {})}.items())
        )
        (self.etc / "master.cf").write_text(_SERVICES)
        self.program = start("postfix", [_found("postfix"), "-c", str(self.etc), "start-fg"], listens=f"{THEIRS}:25")

    def _certificate(self, given: tuple[bytes, bytes] | None) -> None:
        if given is not None:
            for name, pem in zip(("key.pem", "cert.pem"), given, strict=True):
                (self.etc / name).write_bytes(pem)
            return
        names = ["-keyout", str(self.etc / "key.pem"), "-out", str(self.etc / "cert.pem"), "-subj", f"/CN={THEIR_HOSTNAME}"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        subprocess.run(
            [_found("openssl"), "req", "-x509", *kind, "-nodes", "-days", "30", *names], check=True, capture_output=True
        )

    def _settings(self, milters: Sequence[str]) -> dict[str, str]:
        rules = ", ".join(f"{{{name}@{THEIR_DOMAIN} = {words}}}" for name, words in self.RULES.items())
        people = ", ".join(f"{{{name}@{domain} = {name}/}}" for name in self.PEOPLE for domain in self.domains)
        return {
            "compatibility_level": "3.6",
            "queue_directory": str(self.queue),
            "data_directory": str(self.data),
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "maillog_file": str(self.log),
            "maillog_file_prefixes": str(PLACE),
            "myhostname": THEIR_HOSTNAME,
            "mydestination": "",
            "alias_maps": "",
            "local_recipient_maps": "",
            "mynetworks": f"{THEIRS}/32, 127.0.0.0/8",
            "inet_interfaces": f"{THEIRS}, {OLD}",
            "inet_protocols": "ipv4",
            "smtp_bind_address": THEIRS,
            "virtual_mailbox_domains": ", ".join(self.domains),
            "virtual_mailbox_base": str(self.mail),
            "virtual_mailbox_maps": f"inline:{{{people}}}",
            "virtual_mailbox_limit": "0",
            "virtual_minimum_uid": "100",
            "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534",
            "transport_maps": f"inline:{{ {{accepted-then-lost@{THEIR_DOMAIN} = nouser:}} }}",
            "smtpd_recipient_restrictions": f"check_recipient_access inline:{{{rules}}}, permit",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            "smtpd_tls_cert_file": str(self.etc / "cert.pem"),
            "smtpd_tls_key_file": str(self.etc / "key.pem"),
            "smtpd_tls_security_level": "may",
            "smtpd_tls_received_header": "yes",
            "smtp_tls_security_level": "may",
            "smtp_tls_loglevel": "1",
            "message_size_limit": str(60 * 1024 * 1024),
            "smtpd_milters": ", ".join(f"unix:{path}" for path in milters),
            "non_smtpd_milters": "",
            "milter_default_action": "tempfail",
            "smtputf8_enable": "yes",
            "smtp_destination_recipient_limit": "10",
            "in_flow_delay": "0",
            "bounce_queue_lifetime": "1h",
        }

    def got(self, name: str) -> list[bytes]:
        """What lies in the Maildir of a name, oldest first, as it is in the file (LF)."""
        files = sorted((self.mail / name / "new").glob("*"), key=lambda file: file.stat().st_mtime_ns)
        return [file.read_bytes() for file in files]


def _aliases(aliases: Mapping[str, str]) -> dict[str, str]:
    """What Postfix sends on by itself, body and all."""
    rows = ", ".join(f"{{{name} = {target}}}" for name, target in aliases.items())
    return {"virtual_alias_maps": f"inline:{{{rows}}}"} if rows else {}


def _fresh(name: str) -> Path:
    folder = PLACE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _found(program: str) -> str:
    found = shutil.which(program, path=PATH)
    assert found is not None, program
    return found


# --- milters ------------------------------------------------------------


def opendkim(settings: Mapping[str, str]) -> tuple[Program, str]:
    """opendkim with these settings, and the path of its socket."""
    return _milter("opendkim", {"Syslog": "no", "UMask": "000", "Nameservers": DNS, **settings})


def opendmarc(settings: Mapping[str, str]) -> tuple[Program, str]:
    """opendmarc with these settings, and the path of its socket."""
    return _milter("opendmarc", {"Syslog": "false", "UMask": "000", **settings})


def _milter(name: str, settings: Mapping[str, str]) -> tuple[Program, str]:
    path = str(PLACE / f"{name}.sock")
    file = PLACE / f"{name}.conf"
    file.write_text("".join(f"{key} {value}\n" for key, value in {**settings, "Socket": f"local:{path}"}.items()))
    return start(name, [_found(name), "-f", "-x" if name == "opendkim" else "-c", str(file)], listens=path), path


# --- swaks ------------------------------------------------------------


def swaks(to: str, mail_from: str, *options: str, **headers: str) -> str:
    """Run swaks as the stranger; what was said. Fails where the server did not take the mail. `In_Reply_To` is In-Reply-To."""
    written = [part for name, value in headers.items() for part in ("--header", f"{name.replace('_', '-')}: {value}")]
    envelope = ["--server", OURS, "--local-interface", STRANGER, "--helo", "stranger.example", "--from", mail_from, "--to", to]
    command = [_found("swaks"), *envelope, *written, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


# --- rspamd ------------------------------------------------------------

_RSPAMD = f"""
options {{
  filters = "dkim,spf"; local_addrs = []; url_tld = "{PLACE}/suffixes"; disable_hyperscan = true; tempdir = "{PLACE}";
  dns {{ nameserver = ["{DNS}"]; timeout = 2s; }}
}}
logging {{ type = "console"; level = "warning"; }}
worker "normal" {{ bind_socket = "{RSPAMD}"; count = 1; }}
modules {{ path = "/usr/share/rspamd/plugins/"; }}
spf {{}}
dkim {{}}
dmarc {{}}
arc {{ %s }}
dkim_signing {{ %s }}
"""
_NO_SIGNING = 'sign_local = false; sign_authenticated = false; path = "/dev/null";'


def rspamd(signing: str = _NO_SIGNING) -> Program:
    """rspamd with its checks of SPF, DKIM, DMARC and ARC, asked over HTTP at RSPAMD; `signing`: how it signs and seals."""
    (PLACE / "suffixes").write_text("example\n")  # the whole list takes it ten seconds to compile
    file = PLACE / "rspamd.conf"
    file.write_text(_RSPAMD % (signing, signing))
    return start("rspamd", [_found("rspamd"), "-f", "-u", "nobody", "-g", "nogroup", "-c", str(file)], listens=RSPAMD)


def ask_rspamd(message: bytes, **envelope: str) -> Any:
    """What rspamd says of a message; the envelope in its words: IP, Helo, From, Rcpt, User."""
    return httpx2.post(f"http://{RSPAMD}/checkv2", headers=envelope, content=message, timeout=20).json()
