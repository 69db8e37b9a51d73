"""A full disk under the state: nothing leaves without its record, and work goes on when there is space again."""

from collections.abc import Callable
from pathlib import Path

from live.sdk.curl import curl
from live.sdk.namespace import needs_mounts
from live.sdk.places import Places
from live.sdk.process import Gateway

HOST, FILES = "sink.example.com", "api.openai.com"


@needs_mounts
def test_content_is_refused_while_its_record_cannot_be_kept(
    start_gateway: Callable[..., Gateway], places: Places, environment: dict[str, str], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    mounted = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size=16m none {state} && exec "$0" "$@"')
    gateway = start_gateway(prefix=mounted, state_dir=state)
    ca = tmp_path / "ca.pem"
    inside = Path(f"/proc/{gateway.pid}/root{state}")
    ca.write_bytes((inside / "ca/ca.pem").read_bytes())
    gateway.ca = ca
    env = {**environment, **gateway.environment()}
    url = f"{places[HOST].origin}/rec.mp4"

    def upload() -> int:
        return curl("--data-binary", "a meeting", url, env=env).status

    assert upload() == 200
    filler = inside / "filler"
    with filler.open("wb", buffering=0) as opened:
        try:
            while opened.write(b"\0" * 4096):
                pass
        except OSError:
            pass
    refused_in_a_row = 0
    for _record in range(32):  # the rest of the record file's own page takes a few more, short ones last
        with gateway.watching(HOST) as trial:
            answer = curl("--data-binary", "a meeting", url, env=env)
        if answer.status == 503:
            assert answer.problem["reason"] == "evidence"
            assert (trial.connections, trial.octets) == (0, 0)
        refused_in_a_row = refused_in_a_row + 1 if answer.status == 503 else 0
        if refused_in_a_row == 3:
            break
    assert refused_in_a_row == 3
    assert gateway.metric("subrosa_fail_closed_total", cause="evidence") >= 1
    assert gateway.metric("subrosa_evidence_failures_total") >= 1
    assert "evidence" in gateway.get("/readyz")[1]
    large = tmp_path / "large.vtt"
    large.write_bytes(bytes(2 << 20))
    form = ("--form", f"file=@{large}", "--form", "purpose=assistants")
    with gateway.watching(FILES) as trial:
        answer = curl(*form, f"{places[FILES].origin}/v1/files", env=env)
    assert (answer.status, answer.problem["reason"]) == (413, "limit"), answer.body
    assert "no space left on device" in answer.problem["detail"]
    assert (trial.connections, trial.octets) == (0, 0)
    assert gateway.metric("subrosa_held_bytes") == 0
    filler.unlink()
    answer = curl(*form, f"{places[FILES].origin}/v1/files", env=env)
    assert answer.status == 200, answer.body
    assert upload() == 200
