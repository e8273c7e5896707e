"""Which addresses are closed, and how URLs are read: the case list of S15."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwright.net.guard import LOOPBACK, RefusedUrl, closed, literal, parse_url

CLOSED = """
0.0.0.0             this network
0.1.2.3             this network
10.0.0.1            private
10.255.255.255      private
100.64.0.1          carrier-grade NAT
100.100.100.200     carrier-grade NAT
100.127.255.255     carrier-grade NAT
127.0.0.1           loopback
127.1.2.3           loopback
168.63.129.16       cloud metadata
169.254.0.1         link-local
169.254.169.254     link-local
172.16.0.1          private
172.31.255.255      private
192.0.0.8           protocol assignments
192.0.2.1           documentation
192.88.99.1         6to4 relay
192.168.1.1         private
198.18.0.1          benchmarking
198.19.255.255      benchmarking
198.51.100.1        documentation
203.0.113.9         documentation
224.0.0.1           multicast
239.255.255.250     multicast
240.0.0.1           reserved
255.255.255.255     reserved
::                  unspecified
::1                 loopback
::127.0.0.1         IPv4-compatible
::ffff:127.0.0.1    IPv4-mapped
::ffff:7f00:1       IPv4-mapped
::ffff:169.254.169.254 IPv4-mapped
::ffff:8.8.8.8      IPv4-mapped
0:0:0:0:0:ffff:0a00:0001 IPv4-mapped
64:ff9b::127.0.0.1  NAT64
64:ff9b::7f00:1     NAT64
64:ff9b::8.8.8.8    NAT64
64:ff9b:1::1        NAT64
64:ff9b:1:ffff::a9fe:a9fe NAT64
100::1              discard-only
2001::1             Teredo
2001:0:53aa:64c::1  Teredo
2001:2::1           protocol assignments
2001:10::1          protocol assignments
2001:db8::1         documentation
2002:7f00:1::       6to4
2002:a00:1::1       6to4
2002:808:808::1     6to4
3fff::1             documentation
4000::1             reserved
5f00::1             reserved
fc00::1             private
fd00:ec2::254       private
fdff:ffff::1        private
fe80::1             link-local
febf::1             link-local
fec0::1             site-local
ff02::1             multicast
2606:4700::5efe:127.0.0.1      ISATAP
2606:4700::200:5efe:10.0.0.1   ISATAP
2606:4700::0:5efe:8.8.8.8      ISATAP
fe80::1%eth0        an address with a zone
"""

OPEN = ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"]
OPEN += [
    "168.63.129.15",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "223.255.255.255",
]
OPEN += ["2000::1", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "2a00:1450::1", "3ffe:ffff::1"]


@pytest.mark.parametrize("line", CLOSED.strip().splitlines())
def test_s15_an_address_inside_is_closed(line: str) -> None:
    address, what = line.split(None, 1)
    assert what == closed(address)


@pytest.mark.parametrize("address", OPEN)
def test_s15_an_address_of_the_internet_is_open(address: str) -> None:
    assert None is closed(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "1.2.3.4.5", "1.2.3.4 ", "[::1]"]
)
def test_s15_what_is_no_address_in_the_usual_form_is_closed(text: str) -> None:
    assert "not an address" == closed(text)


def test_s15_a_network_can_be_opened_by_name_and_no_other_opens_with_it() -> None:
    assert [None, None, "private"] == [closed(address, LOOPBACK) for address in ("127.0.0.1", "::1", "10.0.0.1")]
    assert "IPv4-mapped" == closed("::ffff:127.0.0.1", LOOPBACK)


@given(st.ip_addresses())
def test_s15_nothing_is_open_that_python_holds_for_special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    special = (address.is_private, address.is_loopback, address.is_link_local, address.is_multicast, address.is_reserved)
    assert not (any(special) and closed(str(address)) is None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.example/in", ("https", "hooks.example", 443, "/in", "hooks.example")),
        ("HTTPS://Hooks.Example.", ("https", "hooks.example", 443, "/", "hooks.example")),
        ("https://hooks.example:8443?a=b#frag", ("https", "hooks.example", 8443, "/?a=b", "hooks.example:8443")),
        ("https://hooks.example:443/", ("https", "hooks.example", 443, "/", "hooks.example")),
        (
            "https://münchen.example/ä?ö=ü",
            ("https", "xn--mnchen-3ya.example", 443, "/%C3%A4?%C3%B6=%C3%BC", "xn--mnchen-3ya.example"),
        ),
        ("https://hooks。example/", ("https", "hooks.example", 443, "/", "hooks.example")),
        ("https://h.example/a%20b?c=d%26e", ("https", "h.example", 443, "/a%20b?c=d%26e", "h.example")),
        ("https://192.0.2.1/", ("https", "192.0.2.1", 443, "/", "192.0.2.1")),
        ("https://１２７.０.０.１/", ("https", "127.0.0.1", 443, "/", "127.0.0.1")),
        ("https://①②⑦.0.0.1/", ("https", "127.0.0.1", 443, "/", "127.0.0.1")),
        ("https://127.0.0.1./", ("https", "127.0.0.1", 443, "/", "127.0.0.1")),
        ("https://[2606:4700:0::1]:8443/", ("https", "2606:4700::1", 8443, "/", "[2606:4700::1]:8443")),
    ],
)
def test_a_url_is_taken_apart_once(url: str, expected: tuple[object, ...]) -> None:
    found = parse_url(url)
    assert expected == (found.scheme, found.host, found.port, found.target, found.authority)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "//hooks.example/",
        "http://hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "javascript:alert(1)",
        "https:hooks.example",
        "https:///path",
        "https://user@hooks.example/",
        "https://user:password@hooks.example/",
        "https://hooks.example@127.0.0.1/",
        "https://hooks.example:443@127.0.0.1/",
        "https://127.0.0.1\\@hooks.example/",
        "https://hooks.example\\.evil.example/",
        "https://hooks.example:25/",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "https://hooks.example:/",
        "https://hooks.example:x/",
        "https://hooks.example:443:443/",
        "https://hooks.example /",
        "https://hooks.example/\r\nX: y",
        "https://hooks.example/\n",
        "https://hooks\t.example/",
        "https://hooks.example/\0",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://0/",
        "https://0x/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://hooks.example.1/",
        "https://１２７.１/",
        "https://%31%32%37.0.0.1/",
        "https://hooks..example/",
        "https://.example/",
        "https://-x.example/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 127 + "example/",
        "https://\u200d.example/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/",
        "https://\ud800.example/",
        "https://h.example/" + "x" * 5000,
    ],
)
def test_s15_a_url_that_could_be_read_two_ways_or_leads_astray_is_refused(url: str) -> None:
    with pytest.raises(RefusedUrl):
        parse_url(url)


@pytest.mark.parametrize("host", ["[::ffff:127.0.0.1]", "[::FFFF:7f00:1]", "[0::1]", "127.0.0.1", "１２７.0.0.1", "127.0.0.1."])
def test_s15_this_machine_under_another_name_is_seen_through(host: str) -> None:
    (address,) = literal(parse_url(f"https://{host}/").host) or ()
    assert closed(address) in ("loopback", "IPv4-mapped")


def test_schemes_and_ports_can_be_opened() -> None:
    assert 8025 == parse_url("http://localhost:8025/x", ("https", "http"), None).port


@given(st.text(max_size=60))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    try:
        target = parse_url("https://" + text, ports=None)
    except RefusedUrl:
        return
    assert (target.host + target.target + target.authority).isascii()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", ("127.0.0.1", "::1")),
        ("app.localhost", ("127.0.0.1", "::1")),
        ("192.0.2.1", ("192.0.2.1",)),
        ("::1", ("::1",)),
        ("hooks.example", None),
    ],
)
def test_some_hosts_need_no_dns(host: str, expected: tuple[str, ...] | None) -> None:
    assert expected == literal(host)
