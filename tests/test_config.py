"""Settings from a file and the environment: read, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailwright.config import Config, ConfigError, load

SECTIONS = st.sampled_from(["server", "smtp", "api", "dns", "nonsense"])
VALUES = st.sampled_from(["5", '"x"', "[]", "true", "{}", '["a:1"]', "1979-05-27", "nan"])
LINES = st.one_of(
    st.builds("[{}]".format, SECTIONS), st.builds("{} = {}".format, SECTIONS | st.just("listen"), VALUES), st.text(max_size=9)
)


def test_a_section_that_is_no_table_is_refused_though_the_environment_has_a_setting_of_it(tmp_path: Path):
    file = tmp_path / "mailwright.toml"
    file.write_text("smtp = 5\n")
    with pytest.raises(ConfigError, match="smtp is no table of settings"):
        load(file, {"MAILWRIGHT_SMTP__PORT": "25"})


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=5), st.dictionaries(st.builds("MAILWRIGHT_{}__PORT".format, SECTIONS), st.text(max_size=5)))
def test_any_file_and_any_environment_are_settings_or_are_refused(tmp_path: Path, lines: list[str], environ: dict[str, str]):
    file = tmp_path / "mailwright.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    try:
        found: object = load(file, environ)
    except ConfigError as refused:
        found = str(refused)
    assert found
    assert isinstance(found, Config | str)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SERVER__HOSTNAME", "", "hostname: '' is no host name"),
        ("SERVER__HOSTNAME", "mx example", "is no host name"),
        ("SERVER__HOSTNAME", "mx.example.", "is no host name"),
        ("SERVER__HOSTNAME", "\u00fc.example", "is no host name"),
        ("SERVER__ADDRESSES", "192.0.2.1, mx.example", "addresses: 'mx.example' does not appear"),
        ("SERVER__PUBLIC_URL", "mail.example", "public_url"),
        ("SMTP__TLS_CERTIFICATE", "cert.pem", "smtp"),
        ("SMTP__TLS_KEY", "key.pem", "tls_certificate and tls_key go together"),
        ("API__TLS_CERTIFICATE", "cert.pem", "tls_certificate and tls_key go together"),
        ("API__METRICS_FROM", "10.0.0.1/8", "metrics_from: 10.0.0.1/8 has host bits set"),
        ("DNS__NAMESERVERS", "dns.example", "no address of a name server"),
        ("DELIVERY__SOURCE_ADDRESS", "eth0", "source_address: 'eth0' does not appear"),
        ("DELIVERY__SMARTHOST_NETWORKS", "inside", "smarthost_networks: 'inside' does not appear"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_named(name: str, value: str, why: str):
    with pytest.raises(ConfigError, match=why):
        load(None, {f"MAILWRIGHT_{name}": value})


def test_names_and_addresses_have_one_form():
    environ = {"MAILWRIGHT_SERVER__HOSTNAME": "MX.Example", "MAILWRIGHT_SERVER__ADDRESSES": "192.0.2.1, 2001:DB8:0::1"}
    chosen = load(None, environ).server
    assert ("mx.example", ("192.0.2.1", "2001:db8::1")) == (chosen.hostname, chosen.addresses)
