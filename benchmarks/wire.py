"""How fast large arrays travel on each wire, from a process to another one of this machine.

    python -m benchmarks.wire

Plain ZeroMQ is a measure of what the encryption of CURVE costs; no pool uses it. (On one host arrays lie in shared
memory, and travel on no wire.) The tunnel is that of `--tunnel`, to a sshd of this benchmark's own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import zmq

COUNT, SIZE = 64, 8_000_000
PIECE = 1 << 20


def through_socket() -> float:
    """Seconds on a Unix socket."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/wire")
        listener.listen()
        child = os.fork()
        if not child:
            with socket.socket(socket.AF_UNIX) as sender:
                sender.connect(f"{folder}/wire")
                data = bytes(SIZE)
                for _ in range(COUNT):
                    sender.sendall(data)
            os._exit(0)
        receiver, _ = listener.accept()
        into = memoryview(bytearray(SIZE))
        began = time.perf_counter()
        with receiver:
            for _ in range(COUNT):
                have = 0
                while have < SIZE:
                    have += receiver.recv_into(into[have:])
        os.waitpid(child, 0)
        return time.perf_counter() - began


@contextlib.contextmanager
def tunnel(to: int) -> Iterator[int]:
    """A port of this host that leads to another one through ssh."""
    port, near = (free_port() for _ in range(2))
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        server = [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", str(port)]
        settings = {
            "HostKey": folder / "host", "AuthorizedKeysFile": folder / "user.pub", "ListenAddress": "127.0.0.1",
            "StrictModes": "no", "PidFile": "none", "UsePAM": "no",
        }  # fmt: skip
        client = ["ssh", "-N", "-F", "/dev/null", "-i", str(folder / "user"), "-p", str(port), "127.0.0.1"]
        trust = {"StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null", "LogLevel": "ERROR"}
        stack.enter_context(running([*server, *options(settings)]))
        await_port(port)
        stack.enter_context(running([*client, *options(trust), "-L", f"127.0.0.1:{near}:127.0.0.1:{to}"]))
        await_port(near)
        yield near


def options(values: Mapping[str, object]) -> list[str]:
    return [word for name, value in values.items() for word in ("-o", f"{name}={value}")]


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def await_port(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def through_zeromq(curve: bool, tunnelled: bool = False) -> float:
    """Seconds through ZeroMQ on TCP, in pieces as pools send them."""
    public, secret = zmq.curve_keypair()
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(tell)
        with zmq.Context() as context, context.socket(zmq.DEALER) as sender:
            sender.sndhwm = 0
            if curve:
                sender.curve_serverkey = public
                sender.curve_publickey, sender.curve_secretkey = zmq.curve_keypair()
            address = os.read(told, 100).decode()
            if not address:  # there is no way
                os._exit(1)
            sender.connect(address)
            data = memoryview(bytes(SIZE))
            sender.send(b"")
            for _ in range(COUNT):
                sender.send_multipart([data[at : at + PIECE] for at in range(0, SIZE, PIECE)], copy=False)
            sender.close(linger=-1)
        os._exit(0)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as receiver:
        receiver.rcvhwm = 0
        if curve:
            receiver.curve_server, receiver.curve_secretkey, receiver.curve_publickey = True, secret, public
        port = receiver.bind_to_random_port("tcp://127.0.0.1")
        with tunnel(port) if tunnelled else contextlib.nullcontext(port) as near:
            os.write(tell, f"tcp://127.0.0.1:{near}".encode())
            receiver.recv_multipart()
            began = time.perf_counter()
            for _ in range(COUNT):
                receiver.recv_multipart(copy=False)
            took = time.perf_counter() - began
            receiver.close(linger=0)
    os.waitpid(child, 0)
    os.close(told)
    os.close(tell)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    print(f"{COUNT} x {SIZE // 10**6} MB")
    wires: dict[str, Callable[[], float]] = {
        "Unix socket": through_socket,
        "ZeroMQ on TCP": lambda: through_zeromq(False),
        "ZeroMQ on TCP with CURVE": lambda: through_zeromq(True),
        "the same through ssh": lambda: through_zeromq(True, tunnelled=True),
    }
    for name, measure in wires.items():
        try:
            took = median(measure() for _ in range(repeat))
        except OSError as error:  # there is no sshd, or it can't be started like this
            print(f"{name:26} not measured: {error}")
        else:
            print(f"{name:26} {COUNT * SIZE / took / 1e6:8.0f} MB/s")


if __name__ == "__main__":
    main()
