"""A machine that systemd runs, inside a scene: a PID 1 of its own, our unit, our program where the unit looks for it.

It shares the scene's network, so a test speaks to port 25 directly. Its files lie in memory, and the control groups that
systemd made are taken away again.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live.processes import descendants
from live.rest import eventually
from room import PLACE

SYSTEMD, PYTHON = Path("/lib/systemd/systemd"), Path("/usr/bin/python3")
HOME = PLACE / "machine"
UNITS = HOME / "units"
GROUPS = Path("/sys/fs/cgroup")
HIDDEN = ("/tmp", "/var/tmp", "/home", "/root", "/run/user")
MADE = ("init.scope", "system.slice")  # what systemd makes there
UNSHARE = ("unshare", "--pid", "--mount", "--uts", "--ipc", "--fork", "--mount-proc", "--kill-child")
BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
for place in etc opt var; do
  mkdir -p {home}/$place.up {home}/$place.work
  mount -t overlay overlay -o lowerdir=/$place,upperdir={home}/$place.up,workdir={home}/$place.work /$place
done
echo 'mailwright:x:4242:4242::/var/lib/mailwright:/usr/sbin/nologin' >> /etc/passwd
echo 'mailwright:x:4242:' >> /etc/group
cp {home}/mailwright.toml /etc/mailwright.toml
{python} -m venv --without-pip /opt/mailwright/.venv
cd /opt/mailwright/.venv
echo "import site; site.addsitedir('{packages}')" > $(echo lib/python3.*/site-packages)/mailwright.pth
printf '#!%s/bin/python\\nfrom mailwright.__main__ import main\\nmain()\\n' $PWD > bin/mailwright
chmod 755 bin/mailwright
chmod -R a+rX . /etc/mailwright.toml
export container=lxc SYSTEMD_UNIT_PATH={units}
exec {systemd} --system --unit=scene.target
"""


def unfit() -> str | None:
    """Why there can be no such machine here."""
    if any((GROUPS / name).exists() or any(GROUPS.glob(f"*/{name}")) for name in MADE):
        return "systemd has the control groups of this machine already"
    if any(Path(__file__).resolve().is_relative_to(one) for one in HIDDEN):
        return "the unit sees nothing of the folder in which this checkout lies"
    found = subprocess.run(
        [PYTHON, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    if found.stdout.strip() != str(sys.version_info[:2]):
        return f"{PYTHON} is another version than these tests' {sys.version_info[:2]}, and its packages are not there"
    return None


class Machine:
    """It runs; `control` is systemctl."""

    def __init__(self, pid: int) -> None:
        self.inside = ("nsenter", "--target", str(pid), "--mount", "--pid", "--uts", "--ipc")

    def run(self, *command: str, check: bool = True) -> str:
        """What a command says in there."""
        done = subprocess.run([*self.inside, *command], capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.strip()

    def control(self, *words: str) -> str:
        """Ask systemd, or tell it."""
        return self.run("systemctl", *words)

    def shows(self, name: str) -> str:
        """A property of our service."""
        return self.control("show", "mailwright", "--value", "--property", name)


@contextmanager
def machine(unit: Path, settings: str, **drop_ins: str) -> Iterator[Machine]:
    """Start systemd with that unit, settings in TOML, and drop-ins by name."""
    UNITS.mkdir(parents=True)
    for one in Path("/lib/systemd/system").glob("*.target"):
        (UNITS / one.name).write_bytes(one.read_bytes())
    (UNITS / "scene.target").write_text("[Unit]\nDefaultDependencies=no\n")
    (UNITS / unit.name).write_bytes(unit.read_bytes())
    for name, text in drop_ins.items():
        (UNITS / f"{unit.name}.d").mkdir(exist_ok=True)
        (UNITS / f"{unit.name}.d" / f"{name}.conf").write_text(text)
    (HOME / "mailwright.toml").write_text(settings)
    packages = next(one for one in sys.path if one.endswith("site-packages"))
    boot = BOOT.format(home=HOME, units=UNITS, python=PYTHON, systemd=SYSTEMD, packages=packages)
    outer = subprocess.Popen([*UNSHARE, "bash", "-c", boot])
    try:
        eventually(lambda: _is_up(outer.pid), 30, lambda: "systemd did not come up")
        yield Machine(descendants(outer.pid)[0])
    finally:
        outer.kill()
        outer.wait()
        eventually(_tidied, 10, lambda: "systemd's control groups can't be removed")


def _is_up(pid: int) -> bool:
    inner = descendants(pid)
    return bool(inner) and Machine(inner[0]).run("systemctl", "is-active", "scene.target", check=False) == "active"


def _tidied() -> bool:
    """Whether no group that systemd made is left; those without a process go."""
    left = [folder for name in MADE for folder in (GROUPS / name, *GROUPS.glob(f"*/{name}")) if folder.exists()]
    for folder in left:
        for inner in sorted((one for one in folder.rglob("*") if one.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                inner.rmdir()
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not left
