"""How fast large arrays travel on each wire, from a process to another one of this machine.

    python -m benchmarks.wire

Plain ZeroMQ is a measure of what the encryption of CURVE costs; no pool uses it. (On one host arrays lie in shared
memory, and travel on no wire.)
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
import time
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


def through_zeromq(curve: bool) -> float:
    """Seconds through ZeroMQ on TCP, in pieces as pools send them."""
    public, secret = zmq.curve_keypair()
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        with zmq.Context() as context, context.socket(zmq.DEALER) as sender:
            sender.sndhwm = 0
            if curve:
                sender.curve_serverkey = public
                sender.curve_publickey, sender.curve_secretkey = zmq.curve_keypair()
            sender.connect(os.read(told, 100).decode())
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
        receiver.bind("tcp://127.0.0.1:*")
        os.write(tell, receiver.getsockopt_string(zmq.LAST_ENDPOINT).encode())
        receiver.recv_multipart()
        began = time.perf_counter()
        for _ in range(COUNT):
            receiver.recv_multipart(copy=False)
        took = time.perf_counter() - began
    os.waitpid(child, 0)
    os.close(told)
    os.close(tell)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    print(f"{COUNT} x {SIZE // 10**6} MB")
    wires = {
        "Unix socket": through_socket,
        "ZeroMQ on TCP": lambda: through_zeromq(False),
        "ZeroMQ on TCP with CURVE": lambda: through_zeromq(True),
    }
    for name, measure in wires.items():
        took = median(measure() for _ in range(repeat))
        print(f"{name:26} {COUNT * SIZE / took / 1e6:8.0f} MB/s")


if __name__ == "__main__":
    main()
