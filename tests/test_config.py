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
