"""What a user would take instead: each peer in the setting that its own documentation shows for the job."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.place import Place, Signer
from bench.plan import Plan, Ports

_SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def found(command: str) -> str | None:
    """Where a command is; Debian keeps daemons where a user's PATH does not look."""
    return shutil.which(command, path=_SBIN)


def needs(*commands: str) -> Callable[[Place], str]:
    """Says which commands are missing."""
    return lambda _: ", ".join(f"`{command}` is not installed" for command in commands if not found(command))


def needs_binary(name: str) -> Callable[[Place], str]:
    """Says that the peers' environment lacks a command."""
    return lambda place: "" if place.binary(name).exists() else f"the environment has no `{name}`"


# ---- mitmproxy ---------------------------------------------------------------------------------------------
SCRIPT = """\
from mitmproxy import http

BLOCKED_HOSTS = {"app.labelbox.com", "huggingface.co"}


def request(flow: http.HTTPFlow) -> None:
    body = flow.request.content or b""
    training = "/fine_tuning/" in flow.request.path or b"fine-tune" in body
    if training or flow.request.pretty_host in BLOCKED_HOSTS:
        flow.response = http.Response.make(403, b"blocked", {"Content-Type": "text/plain"})
"""


def mitmdump(place: Place, directory: Path, ports: Ports, *more: str) -> Plan:
    """Stock mitmdump with its thirty addons; quiet, for a line a request would cost it more."""
    command = [
        str(place.binary("mitmdump")), "--quiet", "--set", f"confdir={directory}",
        "--set", f"ssl_verify_upstream_trusted_ca={place.destination_ca}",
        "--mode", f"regular@127.0.0.1:{ports.proxy}",
        "--mode", f"reverse:https://localhost:{ports.destination}@127.0.0.1:{ports.reverse}",
    ]  # fmt: skip
    shutil.copy(place.rsa.both, directory / "mitmproxy-ca.pem")
    return Plan([[*command, *more]], [ports.proxy, ports.reverse], place.rsa.cert)


def mitmdump_script(place: Place, directory: Path, ports: Ports) -> Plan:
    """The same with what its users write for this job."""
    script = directory / "guard.py"
    script.write_text(SCRIPT)
    return mitmdump(place, directory, ports, "--scripts", str(script))


# ---- Squid -------------------------------------------------------------------------------------------------
_SQUID = """\
{listener}
pid_filename {directory}/squid.pid
cache_log {directory}/cache.log
access_log stdio:{directory}/access.log
coredump_dir {directory}
cache deny all
cache_mem 8 MB
shutdown_lifetime 1 seconds
acl training url_regex /fine_tuning/
http_access deny training
http_access allow all
max_filedescriptors 16384
"""
_BUMP = """\
sslcrtd_program {certgen} -s {directory}/certificates -M 4MB
tls_outgoing_options cafile={ca}
acl first at_step SslBump1
ssl_bump peek first
ssl_bump bump all
"""
_ICAP = """\
icap_enable on
icap_preview_enable off
icap_206_enable off
icap_service bodies reqmod_precache bypass=off icap://127.0.0.1:{port}/echo
adaptation_access bodies allow all
"""
CERTGEN = tuple(f"/usr/lib{where}/squid/security_file_certgen" for where in ("", "64", "exec"))


def _squid(directory: Path, config: str) -> list[str]:
    """Squid gives up being root by itself, so that its directory must belong to whom it becomes."""
    file = directory / "squid.conf"
    file.write_text(config)
    if os.geteuid() == 0:
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, "proxy", "proxy")
    return [str(found("squid")), "-N", "-f", str(file)]


def squid_connect(_: Place, directory: Path, ports: Ports) -> Plan:
    """A tunnel for each CONNECT."""
    listener = f"http_port 127.0.0.1:{ports.proxy}"
    return Plan([_squid(directory, _SQUID.format(listener=listener, directory=directory))], [ports.proxy])


def _bumping(place: Place, directory: Path, ports: Ports, signer: Signer, more: str = "") -> list[str]:
    certgen = next((path for path in CERTGEN if Path(path).exists()), CERTGEN[0])
    subprocess.run(
        [certgen, "-c", "-s", str(directory / "certificates"), "-M", "4MB"], check=True, capture_output=True
    )
    listener = (
        f"http_port 127.0.0.1:{ports.proxy} ssl-bump tls-cert={signer.cert} tls-key={signer.key} "
        "generate-host-certificates=on dynamic_cert_mem_cache_size=4MB"
    )
    config = _SQUID.format(listener=listener, directory=directory)
    config += _BUMP.format(certgen=certgen, directory=directory, ca=place.destination_ca)
    return _squid(directory, config + more)


def squid_bump(place: Place, directory: Path, ports: Ports) -> Plan:
    """TLS ended on both sides, one URL ACL, no look into bodies; an RSA key, as its wiki makes it."""
    return Plan([_bumping(place, directory, ports, place.rsa)], [ports.proxy], place.rsa.cert)


def squid_bump_ec(place: Place, directory: Path, ports: Ports) -> Plan:
    """The same with an elliptic key, which handshakes faster."""
    return Plan([_bumping(place, directory, ports, place.ec)], [ports.proxy], place.ec.cert)


_C_ICAP = """\
PidFile {directory}/c-icap.pid
CommandsSocket {directory}/c-icap.ctl
Port 127.0.0.1:{port}
StartServers 1
MaxServers 2
ThreadsPerChild 40
MaxRequestsPerChild 0
MaxKeepAliveRequests -1
ServerLog {directory}/c-icap.log
TmpDir {directory}
ModulesDir {modules}
ServicesDir {modules}
Service echo srv_echo.so
"""


def squid_icap(place: Place, directory: Path, ports: Ports) -> Plan:
    """Every request body goes to an ICAP service and comes back: the least that looking at bodies costs."""
    file = directory / "c-icap.conf"
    modules = next(Path("/usr/lib").glob("*/c_icap"), Path("/usr/lib/c_icap"))
    file.write_text(_C_ICAP.format(directory=directory, port=ports.icap, modules=modules))
    squid = _bumping(place, directory, ports, place.rsa, _ICAP.format(port=ports.icap))
    service = [str(found("c-icap")), "-N", "-f", str(file)]
    return Plan([service, squid], [ports.icap, ports.proxy], place.rsa.cert)


# ---- others ------------------------------------------------------------------------------------------------
def proxy_py(place: Place, directory: Path, ports: Ports) -> Plan:
    """One worker that ends TLS on both sides; it makes certificates with the openssl command."""
    command = [
        str(place.binary("proxy")), "--hostname", "127.0.0.1", "--port", str(ports.proxy), "--num-workers", "1",
        "--num-acceptors", "1", "--log-level", "ERROR", "--ca-key-file", str(place.rsa.key), "--ca-cert-file",
        str(place.rsa.cert), "--ca-signing-key-file", str(place.rsa.key), "--ca-file", str(place.destination_ca),
        "--ca-cert-dir", str(directory / "made"), "--data-dir", str(directory),
    ]  # fmt: skip
    (directory / "made").mkdir()
    return Plan([command], [ports.proxy], place.rsa.cert)


def tinyproxy(_: Place, directory: Path, ports: Ports) -> Plan:
    """A small proxy with a thread for each connection."""
    file = directory / "tinyproxy.conf"
    file.write_text(f"Port {ports.proxy}\nListen 127.0.0.1\nTimeout 600\nMaxClients 3000\nLogLevel Error\n")
    return Plan([[str(found("tinyproxy")), "-d", "-c", str(file)]], [ports.proxy])


_ENVOY = """\
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: connect
          upgrade_configs: [{{upgrade_type: CONNECT}}]
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{connect_matcher: {{}}}}
                route:
                  cluster: anywhere
                  timeout: 0s
                  upgrade_configs: [{{upgrade_type: CONNECT, connect_config: {{}}}}]
          http_filters:
          - name: envoy.filters.http.dynamic_forward_proxy
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig
              dns_cache_config: &names {{name: names, dns_lookup_family: V4_ONLY}}
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: anywhere
    lb_policy: CLUSTER_PROVIDED
    cluster_type:
      name: envoy.clusters.dynamic_forward_proxy
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig
        dns_cache_config: *names
"""


def envoy(place: Place, directory: Path, ports: Ports) -> Plan:
    """One worker thread, names resolved as they come."""
    file = directory / "envoy.yaml"
    file.write_text(_ENVOY.format(port=ports.proxy))
    command = [str(place.binary("envoy")), "--config-path", str(file), "--concurrency", "1"]
    return Plan([[*command, "--disable-hot-restart", "--log-level", "error"]], [ports.proxy])
