# ruff: noqa: RUF001 - characters that look like others are what is tested

from ipaddress import IPv4Address, IPv6Address

import pytest

from subrosa.facts.hosts import Authority, Host
from subrosa.facts.unreadable import Ambiguity, UnreadableError


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        pytest.param("api.openai.com", "api.openai.com", id="a canonical name stays as it is"),
        pytest.param("API.OpenAI.Com", "api.openai.com", id="case does not escape a rule"),
        pytest.param("api.openai.com.", "api.openai.com", id="a root dot does not escape a rule"),
        pytest.param(b"api.openai.com", "api.openai.com", id="octets are read like text"),
        pytest.param("api。openai．com", "api.openai.com", id="ideographic and full-width dots are dots"),
        pytest.param("api｡openai.com", "api.openai.com", id="a half-width ideographic dot is a dot"),
        pytest.param("ａｐｉ.openai.com", "api.openai.com", id="full-width letters are letters"),
        pytest.param("ⓞpenai.com", "openai.com", id="circled letters are letters"),
        pytest.param("openaı.com", "xn--opena-r4a.com", id="a dotless i is another name"),
        pytest.param("ſtrase.example", "strase.example", id="a long s is an s"),
        pytest.param("open\u00adai.com", "openai.com", id="a soft hyphen is not there"),
        pytest.param("open\u200bai.com", "openai.com", id="a zero width space is not there"),
        pytest.param("bücher.example", "xn--bcher-kva.example", id="a U-label becomes an A-label"),
        pytest.param("BÜCHER.example", "xn--bcher-kva.example", id="a U-label in capitals becomes the same"),
        pytest.param(
            "bu\u0308cher.example", "xn--bcher-kva.example", id="a decomposed U-label becomes the same"
        ),
        pytest.param(
            "XN--BCHER-KVA.example", "xn--bcher-kva.example", id="an A-label in capitals is the same"
        ),
        pytest.param("faß.example", "xn--fa-hia.example", id="sharp s stays itself, as in IDNA 2008"),
        pytest.param(
            "b\xc3\xbccher.example".encode("latin-1"), "xn--bcher-kva.example", id="raw UTF-8 is read as such"
        ),
        pytest.param("xn--i-7iq.ws", "xn--i-7iq.ws", id="an A-label that DNS holds passes, IDNA 2008 or not"),
        pytest.param("my_bucket.example", "my_bucket.example", id="an underscore may stand in a label"),
        pytest.param("_dmarc.example", "_dmarc.example", id="an underscore may begin a label"),
        pytest.param(
            "r3---sn-x.googlevideo.com", "r3---sn-x.googlevideo.com", id="hyphens may stand anywhere"
        ),
        pytest.param("-bucket-.s3.amazonaws.com", "-bucket-.s3.amazonaws.com", id="and at a label's ends"),
        pytest.param("localhost", "localhost", id="one label is a name"),
        pytest.param("123.example", "123.example", id="digits make no address before a name"),
        pytest.param("1.2.3.4.example", "1.2.3.4.example", id="a quad makes no address before a name"),
        pytest.param("127.0.0.0xg", "127.0.0.0xg", id="a last label that is no number makes no address"),
        pytest.param("0x7f.example", "0x7f.example", id="hex makes no address before a name"),
        pytest.param("a." * 126 + "a", "a." * 126 + "a", id="253 octets are a name"),
        pytest.param("a" * 63 + ".example", "a" * 63 + ".example", id="63 octets are a label"),
    ],
)
def test_a_name_has_one_canonical_form(spelling: str | bytes, name: str) -> None:
    assert Host.parse(spelling) == Host(name)
    assert str(Host.parse(spelling)) == name


@pytest.mark.parametrize(
    ("spelling", "quad"),
    [
        pytest.param("127.0.0.1", "127.0.0.1", id="a dotted quad"),
        pytest.param("127.0.0.1.", "127.0.0.1", id="a dotted quad with a root dot"),
        pytest.param("127.1", "127.0.0.1", id="two parts"),
        pytest.param("127.0.1", "127.0.0.1", id="three parts"),
        pytest.param("2130706433", "127.0.0.1", id="one decimal number"),
        pytest.param("0x7f000001", "127.0.0.1", id="one hex number"),
        pytest.param("0X7F000001", "127.0.0.1", id="one hex number in capitals"),
        pytest.param("017700000001", "127.0.0.1", id="one octal number"),
        pytest.param("0177.0.0.1", "127.0.0.1", id="an octal part"),
        pytest.param("0x7f.0x0.0x0.0x1", "127.0.0.1", id="hex parts"),
        pytest.param("0x7f.0.01.1", "127.0.1.1", id="parts of all kinds"),
        pytest.param("0000000000000177.0.0.01", "127.0.0.1", id="any number of leading zeros"),
        pytest.param("１２７.０.０.１", "127.0.0.1", id="full-width digits"),
        pytest.param("①②⑦.0.0.1", "127.0.0.1", id="circled digits"),
        pytest.param("127。0。0。1", "127.0.0.1", id="ideographic dots"),
        pytest.param("169.254.43518", "169.254.169.254", id="the metadata address in three parts"),
        pytest.param("2852039166", "169.254.169.254", id="the metadata address as one number"),
        pytest.param("0", "0.0.0.0", id="zero"),
        pytest.param("255.16777215", "255.255.255.255", id="a last part that fills all the rest"),
        pytest.param("4294967295", "255.255.255.255", id="the largest number"),
    ],
)
def test_every_spelling_of_an_ipv4_address_is_the_dotted_quad(spelling: str, quad: str) -> None:
    assert Host.parse(spelling) == Host(quad, IPv4Address(quad))


@pytest.mark.parametrize(
    ("spelling", "name", "address"),
    [
        pytest.param("[::1]", "[::1]", "::1", id="loopback"),
        pytest.param("[0:0:0:0:0:0:0:1]", "[::1]", "::1", id="loopback written out"),
        pytest.param("[2001:DB8::A]", "[2001:db8::a]", "2001:db8::a", id="capitals"),
        pytest.param(
            "[2001:db8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]", "2001:db8::1:0:0:1", id="the first run of zeros"
        ),
        pytest.param("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", "::ffff:102:304", id="mapped, with a quad"),
        pytest.param("[::ffff:102:304]", "[::ffff:1.2.3.4]", "::ffff:102:304", id="mapped, in hex"),
    ],
)
def test_an_ipv6_address_has_one_canonical_form(spelling: str, name: str, address: str) -> None:
    assert Host.parse(spelling) == Host(name, IPv6Address(address))


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("", id="nothing"),
        pytest.param(".", id="the root"),
        pytest.param("..", id="two dots"),
        pytest.param("a..b", id="an empty label"),
        pytest.param(".a", id="an empty first label"),
        pytest.param("a.b..", id="two root dots"),
        pytest.param("api.openai.com\0.evil.example", id="a NUL"),
        pytest.param("api.openai.com ", id="a blank behind"),
        pytest.param(" api.openai.com", id="a blank before"),
        pytest.param("api openai.com", id="a blank inside"),
        pytest.param("api.openai.com\t", id="a tab"),
        pytest.param("api.openai.com\r\nx", id="a line break"),
        pytest.param("api%2eopenai.com", id="a percent sign"),
        pytest.param("api．openai％2ecom", id="a full-width percent sign"),
        pytest.param("user@api.openai.com", id="userinfo"),
        pytest.param("api.openai.com/v1", id="a path"),
        pytest.param("api.openai.com\\v1", id="a backslash"),
        pytest.param("api.openai.com:443", id="a port"),
        pytest.param("api.openai.com?x", id="a query"),
        pytest.param("api.openai.com#x", id="a fragment"),
        pytest.param("a,b", id="a list"),
        pytest.param("*.openai.com", id="a wildcard"),
        pytest.param("℀.example", id="a letter that maps to a slash"),
        pytest.param("a" * 64 + ".example", id="a label of 64 octets"),
        pytest.param("a." * 127 + "a", id="a name of 255 octets"),
        pytest.param("a" * 5000, id="a name of 5,000 octets"),
        pytest.param("ü" * 63 + ".example", id="a U-label whose A-label is too long"),
        pytest.param("\ud800.example", id="a surrogate"),
        pytest.param(b"\xff.example", id="octets that are not UTF-8"),
        pytest.param("xn--.example", id="an A-label of nothing"),
        pytest.param("xn--openai-.com", id="an A-label of plain ASCII"),
        pytest.param("xn--bcher-kvA-.example", id="an A-label that does not decode"),
        pytest.param("xn--Bcher-kva8445.example", id="an A-label of what no U-label may hold"),
        pytest.param("xn---zlf.example", id="an A-label that is not the one of its U-label"),
        pytest.param("❤.ws", id="a symbol, which IDNA 2008 does not allow"),
        pytest.param("1.2.3.256", id="an octet of 256"),
        pytest.param("256.1.1.1", id="a first octet of 256"),
        pytest.param("1.2.3.4.5", id="five parts"),
        pytest.param("4294967296", id="a number that is too large"),
        pytest.param("1.16777216", id="a last part that is too large"),
        pytest.param("127.0.0.08", id="an octal number with an eight"),
        pytest.param("127.0.0.0x", id="hex without digits"),
        pytest.param("a.b.1", id="a name that ends in a number"),
        pytest.param("1..1", id="an address with an empty part"),
        pytest.param("0x7f.1_0.0.1", id="a number with an underscore"),
        pytest.param("::1", id="IPv6 without brackets"),
        pytest.param("[::1", id="IPv6 without the second bracket"),
        pytest.param("[]", id="brackets around nothing"),
        pytest.param("[", id="one bracket"),
        pytest.param("[1.2.3.4]", id="IPv4 in brackets"),
        pytest.param("[::1].", id="IPv6 with a root dot"),
        pytest.param("[::1]x", id="text behind brackets"),
        pytest.param("[fe80::1%eth0]", id="a zone id"),
        pytest.param("[fe80::1%25eth0]", id="an encoded zone id"),
        pytest.param("[v1.fe80::a]", id="an address of a future version"),
        pytest.param("[::１]", id="full-width digits in brackets"),
        pytest.param("[::ffff:127.1]", id="a short quad in brackets"),
        pytest.param("[::ffff:0177.0.0.1]", id="an octal quad in brackets"),
    ],
)
def test_what_is_no_host_has_no_reading(spelling: str | bytes) -> None:
    with pytest.raises(UnreadableError):
        Host.parse(spelling)


def test_the_error_names_the_input_in_backticks_and_shows_no_control_character() -> None:
    with pytest.raises(UnreadableError, match=r"^host `evil\\x1b\[0m` is no domain name$") as caught:
        Host.parse("evil\x1b[0m")
    assert caught.value.ambiguity is Ambiguity.BAD_SYNTAX


def test_labels_run_from_the_root_down_and_an_address_has_none() -> None:
    assert Host.parse("api.openai.com").labels == ("com", "openai", "api")
    assert Host.parse("10.0.0.1").labels == ()
    assert Host.parse("[::1]").labels == ()


@pytest.mark.parametrize(
    "address", [IPv4Address("10.0.0.1"), IPv6Address("::1"), IPv6Address("::ffff:10.0.0.1")]
)
def test_a_host_made_of_an_address_is_the_one_that_is_read(address: IPv4Address | IPv6Address) -> None:
    assert Host.parse(str(Host.of_address(address))) == Host.of_address(address)


def test_a_zone_id_of_an_address_object_is_no_part_of_its_name() -> None:
    assert Host.of_address(IPv6Address("fe80::1%eth0")).name == "[fe80::1]"


@pytest.mark.parametrize(
    ("spelling", "default", "canonical"),
    [
        pytest.param("api.openai.com", 443, "api.openai.com:443", id="no port is the default"),
        pytest.param("api.openai.com:", 443, "api.openai.com:443", id="an empty port is the default"),
        pytest.param("api.openai.com:443", None, "api.openai.com:443", id="a port needs no default"),
        pytest.param(b"API.openai.com.:0443", 80, "api.openai.com:443", id="zeros before a port are nothing"),
        pytest.param("[::1]:8443", None, "[::1]:8443", id="IPv6 with a port"),
        pytest.param("[::1]", 80, "[::1]:80", id="IPv6 without a port"),
        pytest.param("127.1:80", None, "127.0.0.1:80", id="a short address with a port"),
        pytest.param("a.example:65535", None, "a.example:65535", id="the largest port"),
        pytest.param("a.example:1", None, "a.example:1", id="the smallest port"),
    ],
)
def test_an_authority_has_one_canonical_form(
    spelling: str | bytes, default: int | None, canonical: str
) -> None:
    authority = Authority.parse(spelling, default)

    assert str(authority) == canonical
    assert Authority.parse(canonical, None) == authority


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("a.example", id="no port and no default"),
        pytest.param("a.example:", id="an empty port and no default"),
        pytest.param("a.example:0", id="port 0"),
        pytest.param("a.example:65536", id="a port that is too large"),
        pytest.param("a.example:+443", id="a sign"),
        pytest.param("a.example:4_43", id="an underscore"),
        pytest.param("a.example:443 ", id="a blank behind"),
        pytest.param("a.example: 443", id="a blank before"),
        pytest.param("a.example:４４３", id="full-width digits"),
        pytest.param("a.example:0x1bb", id="hex"),
        pytest.param("a.example:" + "0" * 20 + "443", id="too many zeros"),
        pytest.param("a.example:443:443", id="two ports"),
        pytest.param("::1:443", id="IPv6 without brackets"),
        pytest.param("[::1]443", id="a port without its colon"),
        pytest.param("user@a.example:443", id="userinfo"),
        pytest.param("user:password@a.example:443", id="userinfo with a password"),
        pytest.param("a.example:443@b.example:443", id="userinfo that looks like an authority"),
        pytest.param(":443", id="no host"),
        pytest.param("", id="nothing"),
        pytest.param("a" * 2000 + ":443", id="2,000 octets"),
    ],
)
def test_what_is_no_authority_has_no_reading(spelling: str) -> None:
    with pytest.raises(UnreadableError):
        Authority.parse(spelling, None)


def test_an_empty_authority_has_no_reading_even_with_a_default_port() -> None:
    with pytest.raises(UnreadableError):
        Authority.parse("", 443)
