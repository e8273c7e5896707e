"""The peers: Postfix with what Debian offers to check and sign for it, each configured for one purpose, in a folder of its own.

Milters speak over unix sockets: over TCP a message takes some 90 ms more. Nothing here touches the system's own configuration.
"""

from __future__ import annotations

import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench import load, room, zone
from bench.programs import Program

PORT = 2600
SERVICES = """\
{host}:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
HOLD = "check_recipient_access static:HOLD, reject_unauth_destination"  # taken and queued durably, then left there
TAKE = "permit_mynetworks, reject_unauth_destination"


def missing(*names: str) -> list[str]:
    """Which of these programs are not installed, all of them where there is no room for them."""
    return [name for name in names if not room.inside() or not (load.tool(name) or Path("/usr/bin", name).exists())]


def postfix(folder: Path, settings: dict[str, str], *, rcpt: str = HOLD, services: str = "") -> Program:
    """A Postfix that takes mail for our domain; by default it holds it, so that taking alone is measured."""
    base = folder / "postfix"
    shutil.rmtree(base, ignore_errors=True)
    for name in ("etc", "queue", "data", "mail"):
        (base / name).mkdir(parents=True)
    owner, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
    shutil.chown(base / "data", owner.pw_uid)
    shutil.chown(base / "mail", nobody.pw_uid)
    chosen = {
        "compatibility_level": "3.6",
        "queue_directory": base / "queue",
        "data_directory": base / "data",
        "command_directory": "/usr/sbin",
        "daemon_directory": "/usr/lib/postfix/sbin",
        "maillog_file": folder / "postfix.maillog",
        "maillog_file_prefixes": "/",
        "myhostname": f"mx.{zone.OURS}",
        "mydestination": "",
        "mynetworks": "192.0.2.1/32",
        "inet_interfaces": f"{room.HERE}, 127.0.0.1",
        "inet_protocols": "ipv4",
        "alias_maps": "",
        "alias_database": "",
        "virtual_mailbox_domains": zone.OURS,
        "virtual_mailbox_maps": "static:agent/",
        "virtual_mailbox_base": base / "mail",
        "virtual_minimum_uid": "100",
        "virtual_uid_maps": f"static:{nobody.pw_uid}",
        "virtual_gid_maps": f"static:{nobody.pw_gid}",
        "default_process_limit": "200",
        "in_flow_delay": "0",
        "smtpd_client_connection_count_limit": "0",
        "smtpd_peername_lookup": "no",
        "smtpd_recipient_restrictions": rcpt,
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
        "milter_default_action": "tempfail",
    } | settings
    (base / "etc/main.cf").write_text("".join(f"{name} = {value}\n" for name, value in chosen.items()))
    (base / "etc/master.cf").write_text(SERVICES.format(host=room.HERE, port=PORT) + services)
    command = (load.tool("postfix"), "-c", base / "etc", "start-fg")
    return Program(command, folder / "postfix.log").until_reached(room.HERE, PORT)


def checked_by_milters(folder: Path) -> list[Program]:
    """Postfix with opendkim, policyd-spf and opendmarc."""
    policy = folder / "policyd-spf.conf"
    policy.write_text("debugLevel = 0\nTestOnly = 1\nHELO_reject = Fail\nMail_From_reject = Fail\n")
    service = f"policyd-spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf {policy}\n"
    helpers = [_opendkim(folder, "Mode v\nAlwaysAddARHeader yes\n"), _opendmarc(folder)]
    settings = {
        "smtpd_milters": f"unix:{folder}/opendkim.sock, unix:{folder}/opendmarc.sock",
        "policyd-spf_time_limit": "3600",
        "smtpd_policy_service_request_limit": "0",
    }
    rcpt = f"reject_unauth_destination, check_policy_service unix:private/policyd-spf, {HOLD}"
    return [*helpers, postfix(folder, settings, rcpt=rcpt, services=service)]


def checked_by_rspamd(folder: Path) -> list[Program]:
    """Postfix with rspamd, of which only DKIM, SPF and DMARC are on; two workers."""
    base = folder / "rspamd"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    base.chmod(0o777)
    (base / "rspamd.conf").write_text(f"""
options {{ pidfile = "{base}/pid"; filters = "dkim,spf"; local_addrs = ["192.0.2.1/32"];
  hs_cache_dir = "{base}"; tempdir = "{base}";
  dns {{ nameserver = ["127.0.0.1"]; timeout = 1s; retransmits = 2; }}
  url_tld = "/usr/share/publicsuffix/effective_tld_names.dat"; }}
logging {{ type = "file"; filename = "{base}/log"; level = "error"; }}
modules {{ path = "/usr/share/rspamd/plugins/dmarc.lua"; path = "/usr/share/rspamd/plugins/milter_headers.lua"; }}
dkim {{ }}
spf {{ }}
dmarc {{ }}
milter_headers {{ use = ["authentication-results"]; skip_local = false; skip_authenticated = false; }}
actions {{ reject = 150; }}
worker "rspamd_proxy" {{ bind_socket = "{base}/milter.sock mode=0666"; milter = yes; timeout = 30s; count = 2;
  upstream "local" {{ default = yes; self_scan = yes; }} }}
""")
    command = (load.tool("rspamd"), "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", base / "rspamd.conf")
    helper = Program(command, folder / "rspamd.log").until_there(base / "milter.sock", 60)
    return [helper, postfix(folder, {"smtpd_milters": f"unix:{base}/milter.sock", "milter_protocol": "6"})]


def unchecked(folder: Path) -> list[Program]:
    """Postfix alone, which files into a Maildir."""
    return [postfix(folder, {}, rcpt=TAKE)]


def signing(folder: Path) -> list[Program]:
    """Postfix with opendkim, which relays for our client and signs with RSA."""
    key = folder / "dkim.pem"
    key.write_bytes(zone.key().pem())
    key.chmod(0o600)
    signs = f"Mode s\nDomain {zone.OURS}\nSelector mail\nKeyFile {key}\nRequireSafeKeys no\nCanonicalization relaxed/relaxed\n"
    helper = _opendkim(folder, signs + "SignatureAlgorithm rsa-sha256\n", inside=room.CLIENT)
    settings = {
        "mynetworks": f"{room.CLIENT}/32",
        "virtual_mailbox_domains": "",
        "smtp_tls_security_level": "none",
        "smtpd_milters": f"unix:{folder}/opendkim.sock",
    }
    return [helper, postfix(folder, settings, rcpt=TAKE)]


def filed(folder: Path) -> int:
    """Messages in the Maildir."""
    new = folder / "postfix/mail/agent/new"
    return sum(1 for _ in new.iterdir()) if new.exists() else 0


def verdict(folder: Path) -> str:
    """What the checks wrote into one held message, for people to see that they were at work."""
    wanted = ("spf=", "dkim=", "dmarc=", "Received-SPF:", "Pass")
    for path in (folder / "postfix/queue/hold").rglob("*"):
        if path.is_file():
            words = path.read_bytes().decode("latin-1").split()
            return ", ".join(sorted({word[:20].rstrip(";") for word in words if word.startswith(wanted)}))
    return "no message"


def _opendkim(folder: Path, mode: str, inside: str = "192.0.2.1") -> Program:
    (folder / "opendkim.sock").unlink(missing_ok=True)
    (folder / "opendkim.hosts").write_text(inside + "\n")
    conf = folder / "opendkim.conf"
    conf.write_text(
        f"{mode}Socket local:{folder}/opendkim.sock\nSyslog no\nNameservers 127.0.0.1\nUMask 000\n"
        f"InternalHosts {folder}/opendkim.hosts\nAuthservID mx.{zone.OURS}\n"
    )
    return _milter("opendkim", ("-f", "-x", conf), folder)


def _opendmarc(folder: Path) -> Program:
    (folder / "opendmarc.sock").unlink(missing_ok=True)
    (folder / "opendmarc.hosts").write_text("192.0.2.1\n")
    conf = folder / "opendmarc.conf"
    conf.write_text(
        f"Socket local:{folder}/opendmarc.sock\nSyslog false\nUMask 000\nAuthservID mx.{zone.OURS}\n"
        f"TrustedAuthservIDs mx.{zone.OURS}\nIgnoreHosts {folder}/opendmarc.hosts\nRejectFailures true\n"
        "PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat\n"
    )
    return _milter("opendmarc", ("-f", "-c", conf), folder)


def _milter(name: str, arguments: Sequence[object], folder: Path) -> Program:
    socket = folder / f"{name}.sock"
    program = Program((load.tool(name), *arguments), folder / f"{name}.log").until_there(socket)
    socket.chmod(0o666)
    return program
