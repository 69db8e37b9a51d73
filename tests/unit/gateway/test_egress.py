"""What may be dialled: every answer is judged, any bad one refuses, and what was vetted is what is dialled."""

import asyncio
import re
import socket
from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from subrosa.facts.addresses import AddressClass
from subrosa.facts.hosts import Authority, Host
from subrosa.gateway.egress import (
    EGRESS_CLASSES,
    Egress,
    EgressDenied,
    HostsFile,
    HostsFileError,
    Network,
    system_resolver,
)
from subrosa.gateway.shapes import ProxyError
from subrosa.policy.verdict import Reason

pytestmark = pytest.mark.asyncio


class _Names:
    """A resolver over lists of answers; a name with several lists gives the next one at each call."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def __call__(self, authority: Authority) -> list[str]:
        name = authority.host.name
        self.asked.append(name)
        turns = self._answers.get(name.partition(".")[0])
        if turns is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return turns.pop(0) if len(turns) > 1 else turns[0]


def _authority(text: str) -> Authority:
    return Authority.parse(text, 443)


def _networks(*texts: str) -> Sequence[Network]:
    return [ip_network(text) for text in texts]


async def _denied(egress: Egress, text: str) -> EgressDenied:
    with pytest.raises(EgressDenied) as caught:
        await egress.vet(_authority(text))
    assert caught.value.address_class in EGRESS_CLASSES
    return caught.value


# --- answers ------------------------------------------------------------------------------------------------


async def test_all_public_answers_are_given_in_order_each_once() -> None:
    egress = Egress(
        resolve=_Names(api=[["93.184.216.34", "2606:4700::1", "93.184.216.34", "::ffff:8.8.4.4"]])
    )
    assert await egress.vet(_authority("api.example")) == ("93.184.216.34", "2606:4700::1", "8.8.4.4")


async def test_rebinding_changes_nothing_what_was_vetted_is_dialled() -> None:
    names = _Names(api=[["93.184.216.34"], ["127.0.0.1"]])
    egress = Egress(resolve=names)
    assert await egress.vet(_authority("api.example")) == ("93.184.216.34",)
    assert names.asked == ["api.example"]
    assert (await _denied(egress, "api.example")).address_class == "loopback"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(["93.184.216.34", "10.0.0.1"], id="last"),
        pytest.param(["10.0.0.1", "93.184.216.34"], id="first"),
        pytest.param(["93.184.216.34", "2606:4700::1", "fd00::1"], id="the IPv6 one"),
        pytest.param(["93.184.216.34"] * 500 + ["192.168.0.1"], id="behind many"),
    ],
)
async def test_one_bad_answer_among_good_ones_refuses(answers: list[str]) -> None:
    denied = await _denied(Egress(resolve=_Names(api=[answers])), "api.example")
    assert denied.address_class in {"private", "unique-local"}
    assert denied.reason is Reason.EGRESS


_CLASSES = [
    ("10.1.2.3", AddressClass.PRIVATE, "RFC 1918"),
    ("172.31.255.255", AddressClass.PRIVATE, "RFC 1918, the middle block's end"),
    ("192.168.1.1", AddressClass.PRIVATE, "RFC 1918, at home"),
    ("fd12:3456::1", AddressClass.UNIQUE_LOCAL, "ULA"),
    ("127.8.9.10", AddressClass.LOOPBACK, "all of 127"),
    ("::1", AddressClass.LOOPBACK, "IPv6 loopback"),
    ("169.254.1.1", AddressClass.LINK_LOCAL, "link-local"),
    ("fe80::1%lo", AddressClass.LINK_LOCAL, "link-local with a zone"),
    ("100.64.0.1", AddressClass.CGNAT, "carrier NAT"),
    ("169.254.169.254", AddressClass.METADATA, "instance metadata"),
    ("fd00:ec2::254", AddressClass.METADATA, "instance metadata over IPv6"),
    ("224.0.0.1", AddressClass.MULTICAST, "multicast"),
    ("255.255.255.255", AddressClass.BROADCAST, "broadcast"),
    ("0.0.0.0", AddressClass.UNSPECIFIED, "this host"),
    ("::", AddressClass.UNSPECIFIED, "this host over IPv6"),
    ("192.0.2.1", AddressClass.DOCUMENTATION, "documentation"),
    ("240.0.0.1", AddressClass.RESERVED, "reserved"),
    ("::ffff:10.0.0.1", AddressClass.PRIVATE, "v4-mapped"),
    ("::ffff:169.254.169.254", AddressClass.METADATA, "v4-mapped metadata"),
    ("64:ff9b::a00:1", AddressClass.PRIVATE, "NAT64 to a private address"),
    ("64:ff9b::a9fe:a9fe", AddressClass.METADATA, "NAT64 to the metadata service"),
    ("2002:7f00:1::", AddressClass.LOOPBACK, "6to4 to loopback"),
    ("2001:0:c000:201:0:0:f5ff:fffe", AddressClass.PRIVATE, "Teredo to a private client"),
]


@pytest.mark.parametrize(
    ("answer", "address_class"), [pytest.param(answer, found, id=said) for answer, found, said in _CLASSES]
)
async def test_every_class_but_the_public_one_is_refused(answer: str, address_class: AddressClass) -> None:
    denied = await _denied(Egress(resolve=_Names(api=[[answer]])), "api.example:8443")
    assert denied.address_class == address_class
    assert denied.reason is Reason.EGRESS
    assert denied.detail.startswith("api.example:8443 resolves to ")


async def test_every_class_has_a_row_above() -> None:
    assert {found for _, found, _ in _CLASSES} == set(AddressClass) - {AddressClass.GLOBAL}


async def test_nat64_to_a_public_address_is_public_and_dialled_as_it_is() -> None:
    egress = Egress(resolve=_Names(api=[["64:ff9b::5db8:d822"]]))
    assert await egress.vet(_authority("api.example")) == ("64:ff9b::5db8:d822",)


@pytest.mark.parametrize(
    ("answers", "address_class", "fault"),
    [
        pytest.param([], "no-answer", ProxyError.DNS_ERROR, id="no answer"),
        pytest.param(["not an address"], "unreadable-answer", None, id="an answer that is no address"),
        pytest.param(["93.184.216.34", "127.1"], "unreadable-answer", None, id="a short spelling is none"),
        pytest.param(["93.184.216.34", ""], "unreadable-answer", None, id="nor is nothing"),
    ],
)
async def test_what_cannot_be_judged_is_refused(
    answers: list[str], address_class: str, fault: ProxyError | None
) -> None:
    denied = await _denied(Egress(resolve=_Names(api=[answers])), "api.example")
    assert (denied.address_class, denied.fault) == (address_class, fault)


async def test_a_name_that_does_not_exist_is_told_as_an_upstream_fault() -> None:
    denied = await _denied(Egress(resolve=_Names()), "no.example")
    assert (denied.address_class, denied.reason, denied.fault) == (
        "no-answer",
        Reason.UPSTREAM,
        ProxyError.DNS_ERROR,
    )
    assert denied.detail == "no.example has no address: name or service not known"


async def test_a_resolver_that_does_not_answer_in_time_refuses() -> None:
    cancelled = asyncio.Event()

    async def resolve(_authority: Authority) -> list[str]:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ["93.184.216.34"]

    denied = await _denied(Egress(resolve=resolve, timeout=0.01), "api.example")
    assert (denied.address_class, denied.reason, denied.fault) == (
        "time-out",
        Reason.UPSTREAM,
        ProxyError.DNS_TIMEOUT,
    )
    assert denied.detail == "api.example was not resolved within 0.01 s"
    assert cancelled.is_set()


async def test_a_failing_resolver_is_not_taken_for_an_answer() -> None:
    async def resolve(_authority: Authority) -> list[str]:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        await Egress(resolve=resolve).vet(_authority("api.example"))


# --- literals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]"],
)
async def test_literals_in_any_spelling_are_judged_without_a_resolver(spelling: str) -> None:
    names = _Names()
    assert (await _denied(Egress(resolve=names), spelling)).address_class == "loopback"
    assert names.asked == []


async def test_a_public_literal_is_given_back() -> None:
    assert await Egress(resolve=_Names()).vet(_authority("[2606:4700::1]:443")) == ("2606:4700::1",)


_HELP = "the gateway's option --allow-private %s would let it pass"


# --- what settings allow ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allow", "answer", "passes"),
    [
        pytest.param(["10.0.0.0/8"], "10.1.2.3", True, id="inside the network"),
        pytest.param(["10.0.0.0/8"], "11.1.2.3", True, id="a public address needs no leave"),
        pytest.param(["10.0.0.0/16"], "10.1.2.3", False, id="just outside the network"),
        pytest.param(["10.0.0.0/8"], "::ffff:10.1.2.3", True, id="v4-mapped is the address itself"),
        pytest.param(["10.0.0.0/8"], "64:ff9b::a01:203", False, id="NAT64 needs a network of its own"),
        pytest.param(["64:ff9b::/96"], "64:ff9b::a01:203", True, id="which may be given"),
        pytest.param(["127.0.0.0/8"], "127.0.0.1", True, id="loopback, as tests need it"),
        pytest.param(["100.64.0.0/10"], "100.64.1.1", True, id="carrier NAT"),
        pytest.param(["0.0.0.0/0"], "169.254.169.254", False, id="no network covers the metadata service"),
        pytest.param(["169.254.0.0/16"], "169.254.169.254", False, id="not even link-local"),
        pytest.param(["169.254.169.254/32"], "169.254.169.254", True, id="only its own name"),
        pytest.param(["fd00:ec2::/32"], "fd00:ec2::254", False, id="nor over IPv6"),
        pytest.param(["fd00:ec2::254/128"], "fd00:ec2::254", True, id="but by its own name"),
        pytest.param(["169.254.169.254/32"], "64:ff9b::a9fe:a9fe", False, id="and by no other road"),
        pytest.param(["0.0.0.0/0"], "0.0.0.0", False, id="nothing allows the unspecified address"),
        pytest.param(["0.0.0.0/0"], "224.0.0.1", False, id="nor multicast"),
        pytest.param(["0.0.0.0/0"], "255.255.255.255", False, id="nor broadcast"),
        pytest.param(["::/0"], "10.1.2.3", False, id="an IPv6 network covers no IPv4 address"),
    ],
)
async def test_allow_private(allow: list[str], answer: str, passes: bool) -> None:
    egress = Egress(resolve=_Names(api=[[answer]]), allow_private=_networks(*allow))
    if passes:
        assert len(await egress.vet(_authority("api.example"))) == 1
    else:
        await _denied(egress, "api.example")


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        pytest.param("10.1.2.3", True, id="RFC 1918"),
        pytest.param("fd12::1", True, id="ULA"),
        pytest.param("127.0.0.1", False, id="but not loopback"),
        pytest.param("169.254.169.254", False, id="nor the metadata service"),
        pytest.param("fd00:ec2::254", False, id="nor its ULA address"),
        pytest.param("169.254.1.1", False, id="nor link-local"),
        pytest.param("100.64.0.1", False, id="nor carrier NAT"),
    ],
)
async def test_a_declared_host_may_live_inside(answer: str, passes: bool) -> None:
    def declared(host: Host) -> bool:
        return host.name == "store.corp"

    egress = Egress(resolve=_Names(store=[[answer]], storm=[[answer]]), private_hosts=declared)
    await _denied(egress, "storm.corp")
    if passes:
        assert await egress.vet(_authority("store.corp")) == (answer,)
    else:
        await _denied(egress, "store.corp")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        pytest.param(
            "store.corp:9000",
            "resolves to 10.1.2.3, which is not public (private); " + _HELP % "10.1.2.3/32",
            id="name",
        ),
        pytest.param("[fd00::1]", "is not public (unique-local); " + _HELP % "fd00::1/128", id="literal"),
        pytest.param("0.0.0.0", "is not public (unspecified)", id="where nothing would help"),
    ],
)
async def test_the_refusal_names_the_option_where_it_would_help(text: str, detail: str) -> None:
    denied = await _denied(Egress(resolve=_Names(store=[["10.1.2.3"]])), text)
    assert denied.detail == f"{_authority(text)} {detail}"


async def test_the_option_that_a_refusal_names_does_help() -> None:
    names = _Names(api=[["169.254.169.254"]], fe=[["fe80::1%lo"]])
    for text in ("api.example", "127.0.0.1", "[fd00::1]", "[64:ff9b::a00:1]", "fe.example"):
        named = re.search(r"--allow-private (\S+)", (await _denied(Egress(resolve=names), text)).detail)
        assert named is not None
        assert await Egress(resolve=names, allow_private=_networks(named[1])).vet(_authority(text))


async def test_ports() -> None:
    egress = Egress(resolve=_Names(api=[["93.184.216.34"]]), allowed_ports=frozenset({443}))
    assert await egress.vet(_authority("api.example"))
    denied = await _denied(egress, "api.example:25")
    assert (denied.address_class, denied.detail) == ("port", "port 25 of api.example is not an allowed port")


# --- the gateway itself -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listener", "dialled", "own"),
    [
        pytest.param(("127.0.0.1", 8080), "127.0.0.1:8080", True, id="its own port"),
        pytest.param(("127.0.0.1", 8080), "[::ffff:127.0.0.1]:8080", True, id="v4-mapped"),
        pytest.param(("::ffff:127.0.0.1", 8080), "127.0.0.1:8080", True, id="a mapped listener"),
        pytest.param(("127.0.0.1", 8080), "127.0.0.1:8081", False, id="another port"),
        pytest.param(("127.0.0.1", 8080), "127.0.0.2:8080", False, id="another address"),
        pytest.param(
            ("0.0.0.0", 8080), "127.0.0.1:8080", True, id="a wildcard is every address of the machine"
        ),
        pytest.param(("0.0.0.0", 8080), "127.9.9.9:8080", True, id="all of 127 among them"),
        pytest.param(("::", 8080), "[::1]:8080", True, id="IPv6 wildcard"),
        pytest.param(("::", 8080), "127.0.0.1:8080", True, id="a dual-stack wildcard"),
        pytest.param(("", 8080), "127.0.0.1:8080", True, id="no address is a wildcard"),
        pytest.param(("0.0.0.0", 8080), "10.254.253.252:8080", False, id="but no address of another machine"),
    ],
)
async def test_own_listeners_are_refused_whatever_is_allowed(
    listener: tuple[str, int], dialled: str, own: bool
) -> None:
    egress = Egress(
        resolve=_Names(),
        allow_private=_networks("127.0.0.0/8", "10.0.0.0/8", "::1/128"),
        private_hosts=lambda _host: True,
        own_listeners=lambda: {listener, ("127.0.0.1", 9464)},
    )
    if own:
        assert (await _denied(egress, dialled)).address_class == "own-listener"
    else:
        assert await egress.vet(_authority(dialled))


async def test_own_listeners_are_found_by_a_name_too() -> None:
    egress = Egress(
        resolve=_Names(me=[["127.0.0.1"]]),
        allow_private=_networks("127.0.0.0/8"),
        own_listeners=lambda: {("127.0.0.1", 9464)},
    )
    denied = await _denied(egress, "me.example:9464")
    assert denied.address_class == "own-listener"
    assert "--allow-private" not in denied.detail


# --- resolvers ----------------------------------------------------------------------------------------------


async def test_a_hosts_file_gives_its_names_and_leaves_the_rest_to_another() -> None:
    hosts = HostsFile.parse(
        "# test names\r\n"
        "127.0.0.3\tapi.openai.com  files.openai.com # two names\n\n"
        "::1 api.openai.com\n 10.0.0.1 _x.corp\n"
    )
    assert await hosts.resolve(_authority("API.openai.com.")) == ["127.0.0.3", "::1"]
    assert await hosts.resolve(_authority("files.openai.com")) == ["127.0.0.3"]
    assert await hosts.resolve(_authority("_x.corp")) == ["10.0.0.1"]
    with pytest.raises(OSError, match=r"eu\.openai\.com is not in the hosts file"):
        await hosts.resolve(_authority("eu.openai.com"))
    both = hosts.before(_Names(eu=[["93.184.216.34"]], api=[["93.184.216.34"]]))
    assert await both(_authority("api.openai.com")) == ["127.0.0.3", "::1"]
    assert await both(_authority("eu.openai.com")) == ["93.184.216.34"]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        pytest.param(
            "api.openai.com 127.0.0.1", ["line 1: `api.openai.com` is no address"], id="the wrong way round"
        ),
        pytest.param("127.1 a.example", ["line 1: `127.1` is no address"], id="a short address"),
        pytest.param("127.0.0.1", ["line 1: no name follows the address"], id="no name"),
        pytest.param(
            "127.0.0.1 # a.example", ["line 1: no name follows the address"], id="a name in a comment"
        ),
        pytest.param(
            "127.0.0.1 A.example",
            ["line 1: `A.example` is not canonical: write `a.example`"],
            id="upper case",
        ),
        pytest.param(
            "127.0.0.1 a.example.",
            ["line 1: `a.example.` is not canonical: write `a.example`"],
            id="root dot",
        ),
        pytest.param(
            "127.0.0.1 10.0.0.1", ["line 1: `10.0.0.1` is an address, not a name"], id="an address as name"
        ),
        pytest.param("127.0.0.1 a_b.ex/x", ["line 1: host `a_b.ex/x` is no domain name"], id="a path"),
        pytest.param(
            "127.0.0.1 a.example\n127.0.0.1 a.example",
            ["line 2: `a.example` has the address 127.0.0.1 already"],
            id="twice the same",
        ),
        pytest.param(
            "x y\n\n1.2.3.4\n# fine\n1.2.3.4 B b\n",
            ["line 1: `x` is no address", "line 3: no name", "line 5: `B` is not canonical"],
            id="all faults at once, each with its line",
        ),
    ],
)
async def test_hosts_file_faults(text: str, faults: list[str]) -> None:
    with pytest.raises(HostsFileError) as caught:
        HostsFile.parse(text)
    assert len(caught.value.faults) == len(faults)
    for told, expected in zip(caught.value.faults, faults, strict=True):
        assert told.startswith(expected)


async def test_the_system_resolver_knows_this_machine() -> None:
    assert set(await system_resolver(_authority("localhost:80"))) <= {"127.0.0.1", "::1"}
