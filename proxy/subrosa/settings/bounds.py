"""The settings that bound: limits, and what evidence takes note of."""

from typing import Annotated, Literal

from pydantic import Field

from subrosa.settings.strict import Strict


class EvidenceSettings(Strict):
    """What evidence takes note of beside the decisions: the hash of what was held or refused, or of all that passed."""

    hash: Literal["held", "all"] = "held"


class LimitSettings(Strict):
    """Bounds, in octets, counts and seconds."""

    held_memory: Annotated[int, Field(ge=4096, le=16 << 20)] = 256 << 10
    held_transfer: Annotated[int, Field(ge=1 << 20)] = 8 << 30
    held_total: Annotated[int, Field(ge=1 << 20)] = 64 << 30
    held_transfers: Annotated[int, Field(ge=1)] = 1024
    url_bytes: Annotated[int, Field(ge=256, le=1 << 20)] = 16 << 10
    header_fields: Annotated[int, Field(ge=16, le=10_000)] = 128
    header_bytes: Annotated[int, Field(ge=1024, le=1 << 20)] = 32 << 10
    head_bytes: Annotated[int, Field(ge=1024, le=16 << 20)] = 64 << 10
    parts: Annotated[int, Field(ge=1, le=100_000)] = 1000
    expansion_ratio: Annotated[int, Field(ge=1, le=10_000)] = 200
    message_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 16 << 20
    connections: Annotated[int, Field(ge=1)] = 10_000
    streams: Annotated[int, Field(ge=1, le=10_000)] = 100
    resets: Annotated[int, Field(ge=1)] = 200
    idle_seconds: Annotated[float, Field(ge=1)] = 120.0
    head_seconds: Annotated[float, Field(ge=1)] = 10.0
    connect_seconds: Annotated[float, Field(ge=0.1)] = 10.0
    stalled_seconds: Annotated[float, Field(ge=1)] = 1800.0
    silent_seconds: Annotated[float, Field(ge=1)] = 10.0
    tunnel_seconds: Annotated[float, Field(ge=1)] = 86400.0
    step_seconds: Annotated[float, Field(ge=1)] = 30.0
    drain_seconds: Annotated[float, Field(ge=0)] = 30.0
