"""Somebody on the way between a pool's broker and a peer of another host."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Forwarder:
    """Stands between a peer and the hub, and can reset or hold up what it carries.

    Args:
        remote: the hub's address.
    """

    def __init__(self, remote: str) -> None:
        host, _, port = remote.removeprefix("tcp://").rpartition(":")
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.remote = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.held = threading.Event()
        self.held.set()  # nothing is held up
        self.pause = 0.0  # for each byte, in seconds
        self.said = b""  # what the peer has said
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._sockets += near, far
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self._carry, args=(source, sink, source is near))
                thread.start()
                self._threads.append(thread)

    def _carry(self, source: socket.socket, sink: socket.socket, said: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.said += data if said else b""
                self.held.wait()
                time.sleep(len(data) * self.pause)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.held.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()
        for thread in self._threads:
            thread.join(10)
        for each in self._sockets:
            each.close()
