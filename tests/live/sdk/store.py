"""A real object store on loopback: SeaweedFS, with one bucket, on free ports."""

import json
import random
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

KEY, SECRET, BUCKET, REGION = "subrosa", "subrosa-secret", "meetings", "eu-central-1"
READY = "All enabled components are running and ready"
WEED = Path(sys.executable).with_name("weed")
_GRPC = 10_000
_PARTS = ("master", "volume", "filer", "s3", "admin")


class ObjectStore:
    """The running store; ``port`` speaks S3 in clear."""

    def __init__(self, directory: Path, domain: str) -> None:
        self.ports = dict(zip(_PARTS, _free_ports(len(_PARTS)), strict=True))
        self.port = self.ports["s3"]
        self.lines: list[str] = []
        self._ready = threading.Event()
        data, config = directory / "objects", directory / "s3.json"
        data.mkdir()
        identity = {
            "name": "recorder",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config.write_text(json.dumps({"identities": [identity]}))
        self._command = [
            str(WEED), "-logtostderr=true", "mini", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-master.telemetry=false", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.config={config}", f"-s3.domainName={domain}", f"-bucket={BUCKET}",
            *(f"-{part}.port={port}" for part, port in self.ports.items()),
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="weed")
        self._reader.start()
        if not self._ready.wait(60) or self._process.poll() is not None:
            self.__exit__()
            raise RuntimeError("SeaweedFS did not start:\n" + "\n".join(self.lines[-20:]))
        return self

    def __exit__(self, *_raised: object) -> None:
        self._process.kill()  # asked kindly, it waits ten seconds for idle connections; its objects are thrown away
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        for part, port in self.ports.items():
            Path(f"/tmp/seaweedfs-{part}-grpc-{port + _GRPC}.sock").unlink(missing_ok=True)
        Path(f"/tmp/seaweedfs-s3-{self.port}.sock").unlink(missing_ok=True)
        Path(f"/tmp/seaweedfs-filer-{self.ports['filer']}.sock").unlink(missing_ok=True)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            if READY in line:
                self._ready.set()
        self._ready.set()


def _free_ports(count: int) -> list[int]:
    """Ports below those that the kernel hands out, free together with their gRPC twins 10,000 above."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_100, 22_000)  # noqa: S311 - no secret
        if port not in found and all(_is_free(each) for each in (port, port + _GRPC)):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
