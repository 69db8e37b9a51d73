"""Settings: strict, layered, and every fault told at once with its place."""

import re
from pathlib import Path

import pytest
import yaml

from subrosa.policy.policy import Profile
from subrosa.settings import Layer, Place, Settings, SettingsError, parse
from subrosa.settings.bounds import LimitSettings

STATED = {"owner": "privacy office", "why": "paid account since 2025", "expires": "2027-06-30"}


def layer(values: dict[str, object], name: str = "f.yaml") -> Layer:
    def locate(place: Place) -> str:
        return name + "".join(f":{part}" for part in place)

    return Layer(values, locate)


def settings(**values: object) -> Settings:
    return parse([layer({"state_dir": "/var/lib/subrosa"}), layer(values)])


def test_the_defaults_listen_on_loopback_and_enforce() -> None:
    found = settings()
    assert [one.listen for one in found.listeners] == ["127.0.0.1:8080"]
    assert (found.admin, found.profile, found.observe) == ("127.0.0.1:9464", Profile.STANDARD, False)
    assert found.metrics is None


def test_a_later_layer_overrides_an_earlier_one_key_by_key() -> None:
    found = parse(
        [
            layer({"state_dir": "/a", "profile": "strict", "observe": True}),
            layer({"state_dir": "/b", "observe": False}),
        ]
    )
    assert (found.state_dir, found.profile, found.observe) == (Path("/b"), Profile.STRICT, False)


def test_all_faults_of_all_layers_are_told_at_once_each_with_its_place() -> None:
    with pytest.raises(SettingsError) as refused:
        parse([layer({"profil": "strict", "admin": "nowhere"}), layer({"profile": "lax"}, "--profile")])
    told = {fault.where: fault.message for fault in refused.value.faults}
    assert told["f.yaml:profil"].startswith("profil: unknown key `profil`: write one of admin")
    assert "write host:port" in told["f.yaml:admin"]
    assert "`lax`" in told["--profile:profile"]
    assert any("`state_dir` is missing" in message for message in told.values())


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"admin": "127.0.0.1"}, "write host:port", id="an address needs a port"),
        pytest.param({"listeners": []}, "give at least one", id="no listener at all"),
        pytest.param({"listeners": [{"listen": "h:1", "mode": "http"}]}, "no mode", id="an unknown mode"),
        pytest.param(
            {"listeners": [{"listen": "h:1", "mode": "reverse:ftp://x"}]}, "no mode", id="reverse of ftp"
        ),
        pytest.param(
            {"listeners": [{"listen": "h:1", "tls_cert": "c.pem"}]},
            "belong together",
            id="a certificate without key",
        ),
        pytest.param(
            {"listeners": [{"listen": "h:1", "client_ca": "c.pem"}]},
            "needs `tls_cert`",
            id="mTLS without TLS",
        ),
        pytest.param(
            {"sources": [{"name": "a"}, {"name": "a"}]}, "named twice", id="two sources of one name"
        ),
        pytest.param({"sources": [{"name": "default"}]}, "built-in", id="the built-in source's name"),
        pytest.param(
            {"sources": [{"name": "a", "holds": "some"}]}, "`some`", id="a source that holds something else"
        ),
        pytest.param(
            {"sources": [{"name": "a", "users": ["u"]}]}, "`proxy_users`", id="users without password file"
        ),
        pytest.param(
            {"sources": [{"name": "a", "network": ["10/8"]}]}, "unknown key `network`", id="a misspelt key"
        ),
        pytest.param(
            {"destinations": [{"host": "x.example", **STATED}]}, "say what the host is", id="no statement"
        ),
        pytest.param(
            {"destinations": [{"host": "X.example", "purpose": "storage", **STATED}]},
            "write `x.example`",
            id="a host that is not canonical",
        ),
        pytest.param(
            {"destinations": [{"host": "x.example", "inspect": "sometimes", **STATED}]},
            "`sometimes`",
            id="an inspection that is not never",
        ),
        pytest.param(
            {"destinations": [{"host": "x.example", "inspect": "never", "speaks": "openai", **STATED}]},
            "leave one of them away",
            id="an API that nobody reads",
        ),
        pytest.param(
            {"destinations": [{"host": "x.example", "purpose": "saas", "protocol": "any", **STATED}]},
            "needs `inspect: never`",
            id="a protocol of what is read",
        ),
        pytest.param(
            {
                "destinations": [{"host": "x.example", "inspect": "never", **STATED}],
                "upstream_proxy": "https://parent.example",
            },
            "needs a parent proxy in clear",
            id="tunnels through a parent proxy in TLS",
        ),
        pytest.param(
            {"destinations": [{"host": "x.example", "purpose": "fine-tuning", **STATED}]},
            "cannot be declared",
            id="a training purpose",
        ),
        pytest.param(
            {"destinations": [{"host": "x.example", "purpose": "storage"}]},
            "missing",
            id="no owner, why or end",
        ),
        pytest.param({"assert": [{"fact": "gemini", **STATED}]}, "fact", id="a fact without provider"),
        pytest.param(
            {"assert": [{"fact": "chatgpt.workspace", "values": [], **STATED}]},
            "values",
            id="a fact of no account",
        ),
        pytest.param(
            {"assert": [{"fact": "chatgpt.workspace", "values": ["a,b"], **STATED}]},
            "values",
            id="two ids in one",
        ),
        pytest.param({"allow_private": ["10.0.0.1/8"]}, "host bits", id="a network with host bits"),
        pytest.param({"upstream_proxy": "socks5://x"}, "no parent proxy", id="a parent proxy that is none"),
        pytest.param({"limits": {"held_memory": 1}}, "greater than or equal", id="a limit below its bound"),
    ],
)
def test_each_fault_says_what_to_write(values: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(**values)
    assert told in str(refused.value)


def test_statements_carry_owner_reason_and_end() -> None:
    found = settings(
        destinations=[{"host": "llm.corp.example", "speaks": "openai", **STATED}],
        **{"assert": [{"fact": "gemini.paid-tier", **STATED}]},
    )
    assert found.asserts[0].fact == "gemini.paid-tier"
    assert found.destinations[0].owner == "privacy office"


def test_a_secret_in_a_faulty_parent_proxy_is_not_told() -> None:
    with pytest.raises(SettingsError) as refused:
        settings(upstream_proxy="ftp://user:hunter2@proxy.example")
    assert "hunter2" not in str(refused.value)


def test_the_readme_shows_every_setting_and_shows_it_right() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = re.findall(r"```yaml\n(listeners:.*?)```", readme, re.DOTALL)
    shown = yaml.safe_load(block)
    assert set(shown) == {field.alias or name for name, field in Settings.model_fields.items()}
    assert set(shown["limits"]) == set(LimitSettings.model_fields)
    read = parse([layer(shown)])
    assert read.limits == LimitSettings()
    assert read.profile is Profile.STANDARD
