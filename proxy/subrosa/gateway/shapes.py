"""The forms in which a refusal is told, and which one the refused client can read.

The form follows the API that the client believes it talks to: an SDK prints a message only where its own
service would have put one. Nothing here fails; what is not known gets problem details (RFC 9457).
"""

import re
from enum import StrEnum


class Shape(StrEnum):
    """A form of error answer; a closed list, named by providers and operations in the catalogue (`shape:`)."""

    PROBLEM = "problem"
    S3 = "s3"
    AWS_JSON = "aws-json"
    AWS_REST = "aws-rest"
    AWS_QUERY = "aws-query"
    AZURE = "azure"
    GOOGLE = "google"
    HUGGINGFACE = "huggingface"
    GRPC = "grpc"
    HTML = "html"
    TEXT = "text"


class ProxyError(StrEnum):
    """The error types of Proxy-Status (RFC 9209 2.3) that the gateway gives."""

    REQUEST_DENIED = "http_request_denied"
    REQUEST_ERROR = "http_request_error"
    DNS_TIMEOUT = "dns_timeout"
    DNS_ERROR = "dns_error"
    UNAVAILABLE = "destination_unavailable"
    IP_PROHIBITED = "destination_ip_prohibited"
    REFUSED = "connection_refused"
    TERMINATED = "connection_terminated"
    TIMEOUT = "connection_timeout"
    TLS_PROTOCOL = "tls_protocol_error"
    TLS_CERTIFICATE = "tls_certificate_error"
    TLS_ALERT = "tls_alert_received"
    INCOMPLETE = "http_response_incomplete"
    PROTOCOL = "http_protocol_error"
    INTERNAL = "proxy_internal_error"
    CONFIGURATION = "proxy_configuration_error"
    LOOP = "proxy_loop_detected"


_S3_SUFFIXES = (
    ".r2.cloudflarestorage.com",
    ".backblazeb2.com",
    ".digitaloceanspaces.com",
    ".wasabisys.com",
    ".linodeobjects.com",
    ".scw.cloud",
    ".storage.yandexcloud.net",
)
"""Stores that speak the S3 API under their own names."""
_AWS_SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_AZURE_SUFFIXES = (
    ".core.windows.net",
    ".core.chinacloudapi.cn",
    ".core.usgovcloudapi.net",
    ".storage.azure.net",
)
_ALIBABA_STORE = re.compile(r"(?:.+\.)?oss-[a-z0-9-]+\.aliyuncs\.com")
_GOOGLE_SUFFIX = ".googleapis.com"
_HUGGINGFACE = ("huggingface.co", "hf.co")


def choose_shape(
    provider_shape: str, content_type: str, accept: str, host: str, *, aws_signed: bool = False
) -> Shape:
    """The form for one request.

    gRPC says so by its content type; else the provider's form counts, else the store that the host's name
    belongs to, else what the client accepts. ``provider_shape`` is the operation's or provider's word, or
    empty; ``content_type`` and ``accept`` are the raw field values, or empty; ``host`` is canonical.
    ``aws_signed`` is whether the request carries an AWS signature: at an unknown host, that is an S3 store.
    """
    media = media_type(content_type)
    if media.startswith("application/grpc"):
        return Shape.GRPC
    if provider_shape in _WORDS:
        return Shape(provider_shape)
    return _by_host(host, media, aws_signed=aws_signed) or _by_accept(accept)


def media_type(content_type: str) -> str:
    """The type without parameters in lower case; for choosing a form, not for reading a body."""
    return content_type.partition(";")[0].strip().lower()


def _by_host(host: str, media: str, *, aws_signed: bool) -> Shape | None:
    if host.endswith(_AWS_SUFFIXES):
        return _aws(host, media)
    if host.endswith(_S3_SUFFIXES) or _ALIBABA_STORE.fullmatch(host):
        return Shape.S3
    if host.endswith(_AZURE_SUFFIXES):
        return Shape.AZURE
    if host.endswith(_GOOGLE_SUFFIX):
        return Shape.GOOGLE
    if host in _HUGGINGFACE or host.endswith(tuple(f".{name}" for name in _HUGGINGFACE)):
        return Shape.HUGGINGFACE
    return _aws(f"s3.{host}", media) if aws_signed else None


def _aws(host: str, media: str) -> Shape:
    if media.startswith("application/x-amz-json"):
        return Shape.AWS_JSON
    if any(label == "s3" or label.startswith(("s3-", "s3express-")) for label in host.split(".")):
        return Shape.S3
    return Shape.AWS_QUERY if media == "application/x-www-form-urlencoded" else Shape.AWS_REST


def _by_accept(accept: str) -> Shape:
    """Problem details, unless the client likes plain text or a page strictly better than JSON."""
    weights = dict(_weights(accept))
    anything = weights.get("*/*", 0.0 if weights else 1.0)
    json = max(
        weights.get(name, anything)
        for name in ("application/json", "application/problem+json", "application/*")
    )
    html, text = weights.get("text/html", 0.0), weights.get("text/plain", 0.0)
    if max(html, text) <= json:
        return Shape.PROBLEM
    return Shape.HTML if html >= text else Shape.TEXT


def _weights(accept: str) -> list[tuple[str, float]]:
    return [
        (media_type(element), _weight(element)) for element in accept.split(",")[:_MOST] if element.strip()
    ]


def _weight(element: str) -> float:
    for parameter in element.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


_WORDS = frozenset(Shape)
_MOST = 32
