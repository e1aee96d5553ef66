"""Inside and outside of the network, told by address, at the moment of connecting and by no other."""

import ipaddress
import ssl
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.sources.posts import Gone
from perennial.sources.web import Failing, Fetcher
from perennial.sources.web.addresses import is_public
from tests.sources.web.rogue import Rogue, ok, redirect

Make = Callable[..., Fetcher]
# fmt: off
INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
    "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%lo", "fc00::1",
    "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "2001:db8::1", "2002:7f00:1::1",
    "2002:808:808::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2001:0:1::1", "100::1", "3fff::1", "localhost",
    "nonsense",
]
OUTSIDE = [
    "8.8.8.8", "1.1.1.1", "151.101.1.140", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::200e",
    "2001:4860:4860::8888",
]
# fmt: on


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_a_network_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_of_the_internet_are_known(address: str) -> None:
    assert is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_no_wrapping_makes_an_ipv4_address_public(number: int) -> None:
    teredo = 0x20010000 << 96 | ~number & 0xFFFFFFFF
    wrapped = [0xFFFF << 32 | number, number, 0x2002 << 112 | number << 80, 0x64FF9B << 96 | number, teredo]
    assert not any(is_public(str(ipaddress.IPv6Address(each))) for each in wrapped)


class Names:
    """A resolver whose answers change with each question."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]],
    ids=["inside", "one of two", "mapped", "NAT64"],
)
def test_a_name_that_leads_inside_is_refused_before_connecting(found: list[str], rogue: Rogue, fetcher: Make) -> None:
    fetch = fetcher(resolve=Names(found))
    with pytest.raises(Gone, match=r"evil.example lies at .* inside a network"):
        fetch.get(f"http://evil.example:{rogue.port}/")
    assert not rogue.asked


def test_a_name_is_looked_up_once_and_connected_to_as_checked(rogue: Rogue, fetcher: Make) -> None:
    """What is checked is connected to: the second answer, which leads inside, is never asked for."""
    names = Names(["192.0.2.1"], [rogue.place.partition(":")[0]])
    with pytest.raises(Gone, match=r"192\.0\.2\.1"):
        fetcher(resolve=names).get(f"http://rebind.example:{rogue.port}/")
    assert names.asked == ["rebind.example"]
    names = Names(["127.0.0.1"], ["8.8.8.8"])
    rogue.pages["/a"] = ok(b"hello")
    fetch = fetcher(resolve=names, allowed=[f"own.example:{rogue.port}"])
    assert fetch.get(f"http://own.example:{rogue.port}/a") == b"hello"
    assert names.asked == ["own.example"]
    assert rogue.heads[-1]["host"] == f"own.example:{rogue.port}"


def test_names_that_change_after_a_redirect_are_checked_again(rogue: Rogue, fetcher: Make) -> None:
    other = Rogue()
    other.pages["/secret"] = ok(b"secret")
    rogue.pages["/a"] = redirect(f"http://own.example:{other.port}/secret")
    fetch = fetcher(resolve=Names(["127.0.0.1"]), allowed=[f"own.example:{rogue.port}"])
    with pytest.raises(Gone, match="inside a network"):
        fetch.get(f"http://own.example:{rogue.port}/a")
    assert not other.asked
    other.close()


def test_the_next_address_is_tried_where_one_does_not_answer(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/a"] = ok(b"hello")
    fetch = fetcher(resolve=Names(["127.0.0.2", "127.0.0.1"]), allowed=["own.example"])
    assert fetch.get(f"http://own.example:{rogue.port}/a") == b"hello"


def test_a_name_without_address_is_said(fetcher: Make) -> None:
    def nothing(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(Failing, match=r"nowhere.example has no address \(Name or service not known\)"):
        fetcher(resolve=nothing).get("http://nowhere.example/")


@pytest.fixture
def secure(rogue: Rogue, tmp_path: Path) -> ssl.SSLContext:
    """Let the rogue speak TLS as site.example; return what believes its certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    name = ["-subj", "/CN=site.example", "-addext", "subjectAltName=DNS:site.example"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", *name]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    rogue.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    rogue.tls.load_cert_chain(certificate, key)
    rogue.pages["/a"] = ok(b"hello")
    return ssl.create_default_context(cafile=certificate)


def test_tls_checks_the_name_and_not_the_address(rogue: Rogue, secure: ssl.SSLContext, fetcher: Make) -> None:
    options = {"resolve": Names(["127.0.0.1"]), "allowed": ["site.example", "other.example"], "limits": {"attempts": 1}}
    assert fetcher(tls=secure, **options).get(f"https://site.example:{rogue.port}/a") == b"hello"
    with pytest.raises(Failing, match=r"certificate is not valid for 'other.example'"):
        fetcher(tls=secure, **options).get(f"https://other.example:{rogue.port}/a")
    with pytest.raises(Failing, match="self-signed certificate"):
        fetcher(**options).get(f"https://site.example:{rogue.port}/a")
    assert rogue.asked["/a"] == 1


def test_user_and_password_in_an_address_are_not_sent(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/a"] = ok(b"hello")
    assert fetcher().get(f"http://user:secret@{rogue.place}/a#part") == b"hello"
    assert "authorization" not in rogue.heads[-1]
    assert "secret" not in str(rogue.heads)


def test_proxies_in_the_environment_are_not_used(rogue: Rogue, fetcher: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    rogue.pages["/a"] = ok(b"hello")
    assert fetcher().get(f"{rogue.url}/a") == b"hello"
