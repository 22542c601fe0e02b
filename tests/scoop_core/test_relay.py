"""Both ends of what ssh carries: bytes in frames, and signs of life between them."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from scoop_core import relay
from scoop_core.relay import pack, unpack

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe's two ends; who has closed one says so by opening it anew."""
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


@pytest.fixture
def plain() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def close_soon(descriptor: int) -> None:
    """End what is written to it, and leave something at its place to be closed."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def received(end: socket.socket) -> bytes:
    end.setblocking(False)
    found = b""
    while True:
        try:
            found += end.recv(65536)
        except BlockingIOError:
            return found


@pytest.mark.parametrize("step", [1, 3, 4, 5, 1000])
def test_frames_arrive_whole_however_they_are_cut(
    pipe: Pipe, plain: tuple[socket.socket, socket.socket], step: int
) -> None:
    words = [b"a", b"", b"bcd" * 50, b"", b"", b"e"]
    sent = b"".join(struct.pack("<I", len(word)) + word for word in words)
    read, write = pipe

    def write_slowly() -> None:
        for at in range(0, len(sent), step):
            os.write(write, sent[at : at + step])
        close_soon(write)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    unpack(read, plain[0], b"")
    writer.join()
    assert received(plain[1]) == b"".join(words)


def test_what_was_read_already_comes_first(pipe: Pipe, plain: tuple[socket.socket, socket.socket]) -> None:
    read, write = pipe
    os.write(write, b"lo" + struct.pack("<I", 1) + b"!")
    close_soon(write)
    unpack(read, plain[0], struct.pack("<I", 5) + b"hel")
    assert received(plain[1]) == b"hello!"


def test_who_says_nothing_for_long_is_given_up(
    pipe: Pipe, plain: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "SILENCE_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        unpack(pipe[0], plain[0])


def test_who_has_nothing_to_say_gives_signs_of_life(
    pipe: Pipe, plain: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "HEARTBEAT_SECONDS", 0.01)
    read, write = pipe
    sender = threading.Thread(target=pack, args=(plain[0], write))
    sender.start()
    assert os.read(read, 8) in (b"\0" * 4, b"\0" * 8)
    plain[1].sendall(b"word")
    plain[1].shutdown(socket.SHUT_WR)
    sender.join()
    close_soon(write)
    assert os.read(read, 65536).lstrip(b"\0") == b"\4\0\0\0word"


def test_what_is_packed_is_unpacked(plain: tuple[socket.socket, socket.socket], pipe: Pipe) -> None:
    read, write = pipe
    data = os.urandom(3 << 20)
    there, here = socket.socketpair()
    with there, here:

        def send() -> None:
            pack(plain[0], write)
            close_soon(write)

        def take() -> None:
            unpack(read, there)
            there.shutdown(socket.SHUT_WR)

        threads = [threading.Thread(target=each) for each in (send, take)]
        threads.append(threading.Thread(target=lambda: (plain[1].sendall(data), plain[1].shutdown(socket.SHUT_WR))))
        for thread in threads:
            thread.start()
        found = b""
        while more := here.recv(1 << 20):
            found += more
        for thread in threads:
            thread.join()
    assert found == data
