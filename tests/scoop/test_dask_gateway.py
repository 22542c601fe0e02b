"""A cluster of a real dask-gateway as the engine of a pool."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.waiting import eventually

pytest.importorskip("dask_gateway")
pytest.importorskip("dask_gateway_server")

CONFIGURATION = """
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.SimpleAuthenticator.password = "secret"
c.Proxy.address = "127.0.0.1:{public}"
c.DaskGateway.address = "127.0.0.1:{private}"
c.LocalBackend.inherited_environment = {variables!r}
c.LocalBackend.clusters_directory = {folder!r}
c.ClusterConfig.scheduler_cmd = [{python!r}, "-m", "dask", "scheduler"]
c.ClusterConfig.worker_cmd = [{python!r}, "-m", "dask", "worker"]
c.ClusterConfig.worker_memory = "500 M"
"""
PROGRAM = """
import json, sys
from dask_gateway import BasicAuth, Gateway
from tests.dask_cluster import use

if __name__ == "__main__":
    with Gateway(sys.argv[1], auth=BasicAuth("me", "secret")) as gateway, gateway.new_cluster() as cluster:
        found = [*use(cluster, 2), cluster.status]  # it was there before
        cluster.shutdown()
        print(json.dumps(found))
"""


def answers(address: str) -> bool:
    """Whether the gateway does; its proxy is there a little before it knows the way to it."""
    try:
        with urlopen(address, timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """The address of one that runs clusters on this host."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    public, private = (taken.getsockname()[1] for taken in sockets)
    for taken in sockets:
        taken.close()
    clusters = tmp_path / "clusters"
    clusters.mkdir()
    file, log = tmp_path / "gateway.py", tmp_path / "log"
    variables = [name for name in os.environ if not name.startswith("DASK")]
    values = {"folder": str(clusters), "python": sys.executable, "variables": variables}
    file.write_text(CONFIGURATION.format(public=public, private=private, **values))
    with log.open("wb") as out:
        server = subprocess.Popen(
            [Path(sys.executable).with_name("dask-gateway-server"), "-f", file], stdout=out, stderr=out
        )
    try:
        address = f"http://127.0.0.1:{public}"
        eventually(lambda: "server started" in log.read_text() and answers(f"{address}/api/health"), 60)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def test_a_pool_on_a_cluster_of_a_gateway(gateway: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, program, gateway], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[socket.gethostname()] * 2, 16, 49500, "running"]
