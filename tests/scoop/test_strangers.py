"""Strangers who reach the port of a pool, but have none of its keys: they learn nothing, and disturb nothing."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket
import threading
from collections.abc import Iterator, Sequence

import msgspec
import psutil
import pytest
import zmq

import scoop
from scoop_core import messages as m
from scoop_core.client import Client
from scoop_core.config import PROOF_SECONDS, Secrets
from scoop_core.link import new_secrets
from tests.conftest import PoolFactory
from tests.forwarder import Forwarder
from tests.scoop import tasks
from tests.strangers import CURVE, HELLO, NULL, PLAIN, WELCOME, connected, is_greeting, last_words
from tests.waiting import eventually

#: Strangers are shown the door by then; with room for a busy machine.
_SHOWN_OUT = PROOF_SECONDS + 15


class Target:
    """A pool on TCP that computes all the while.

    Args:
        pool: two workers.
    """

    def __init__(self, pool: scoop.Pool) -> None:
        self.pool = pool
        self.connection = pool.client.connection
        assert self.connection.secrets is not None
        self.secrets: Secrets = self.connection.secrets
        host, _, port = self.connection.remote.removeprefix("tcp://").rpartition(":")
        self.place = host, int(port)
        self.broker = psutil.Process(pool.client.picture()["pool"]["pid"])
        self.enter()  # what is made once is there now
        self.descriptors = self.broker.num_fds()
        self.rounds = 0
        self.wrong: list[object] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._compute)
        self._thread.start()

    def _compute(self) -> None:
        expected = [x * x for x in range(500)]
        while not self._over.is_set():
            try:
                if list(self.pool.client.map(tasks.square, [range(500)])) != expected:
                    self.wrong.append("other results")
            except Exception as error:
                self.wrong.append(error)
                return
            self.rounds += 1

    def works(self) -> None:
        """It still computes, and everything was right so far."""
        before = self.rounds
        eventually(lambda: self.rounds > before + 2 or self.wrong, 20)
        assert not self.wrong
        assert self.pool.client.picture()["pool"]["strange"] == 0

    def enter(self, remote: str = "") -> None:
        """Be a peer from elsewhere, which has the keys."""
        there = msgspec.structs.replace(self.connection, address="", remote=remote or self.connection.remote)
        peer = Client(there)
        try:
            peer.connect()
            assert list(peer.map(tasks.inc, [range(10)])) == list(range(1, 11))
        finally:
            peer.close()

    def is_as_before(self) -> bool:
        return self.broker.num_fds() <= self.descriptors

    def stop(self) -> None:
        self._over.set()
        self._thread.join(20)


@pytest.fixture
def target(new_pool: PoolFactory) -> Iterator[Target]:
    target = Target(new_pool(2, tcp=True))
    try:
        yield target
    finally:
        target.stop()


def test_a_pool_listens_at_one_address_and_only_if_asked(target: Target, new_pool: PoolFactory) -> None:
    for pool, expected in ((target.pool, [target.place]), (new_pool(1), [])):
        assert pool._process is not None
        first = psutil.Process(pool._process.pid)
        listening = [
            tuple(each.laddr)
            for process in (first, *first.children(recursive=True))
            for each in process.net_connections("inet")
            if each.status == psutil.CONN_LISTEN or each.type == socket.SOCK_DGRAM
        ]
        assert listening == expected


def test_strangers_learn_nothing_and_are_shown_out(target: Target) -> None:
    dice = random.Random(1)
    noise = [dice.randbytes(dice.choice((1, 11, 64, 300, 5000))) for _ in range(40)]
    noise += [b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\xff", b"\xff" + bytes(8) + b"\x7f"]
    noise += [NULL, PLAIN, NULL + b"\x04\x05\x05READY", PLAIN + b"\x04\x06\x05HELLO", CURVE, CURVE[:30]]
    noise += [CURVE + HELLO[:cut] for cut in (1, 10, 100, len(HELLO))]  # of the last, the box does not open
    noise += [CURVE + dice.randbytes(500) for _ in range(20)]
    noise += [CURVE + b"\x06" + b"\x7f" * 8 + bytes(1000)]  # a command that is said to be huge
    with connected(target.place, len(noise)) as strangers:
        for stranger, data in zip(strangers, noise, strict=True):
            with contextlib.suppress(ConnectionError):
                stranger.sendall(data)
        target.works()
        target.enter()
        for stranger in strangers:
            heard = last_words(stranger, _SHOWN_OUT)
            assert is_greeting(heard), heard
    target.works()
    eventually(target.is_as_before, 20)


def test_what_a_peer_has_said_is_of_no_use_to_who_repeats_it(target: Target) -> None:
    forwarder = Forwarder(target.connection.remote)
    try:
        target.enter(forwarder.remote)
    finally:
        forwarder.close()
    said = forwarder.said
    assert len(said) > 1000
    done = target.pool.client.picture()["pool"]
    with connected(target.place, 12) as strangers:
        for number, stranger in enumerate(strangers):
            with contextlib.suppress(ConnectionError):
                stranger.sendall(said if number % 2 else said[: 200 * number + 70])
        target.works()
        for stranger in strangers:
            heard = last_words(stranger, _SHOWN_OUT)
            # The answer to the first step of a handshake is for whoever has the key that the peer made for it.
            assert is_greeting(heard[:64])
            assert heard[64:] == b"" or (heard[64:].startswith(WELCOME[:10]) and len(heard) == 64 + len(WELCOME))
    assert target.pool.client.picture()["pool"]["strange"] == done["strange"]
    target.enter()
    eventually(target.is_as_before, 20)


def test_no_key_but_the_pools_opens(target: Target) -> None:
    others, own = new_secrets()[0], new_secrets()[0]
    hello = m.encode(m.Hello("root", os.getpid(), socket.gethostname()))
    stop = m.encode(m.Stop())
    with zmq.Context() as context, contextlib.ExitStack() as opened:
        strangers = []
        for server in (others.server_public, target.secrets.server_public) * 20:
            stranger = opened.enter_context(context.socket(zmq.DEALER))
            stranger.linger = stranger.sndtimeo = 0
            stranger.identity = b"w0"  # as a worker is called
            stranger.curve_serverkey = server.encode()
            stranger.curve_publickey = own.client_public.encode()
            stranger.curve_secretkey = own.client_secret.encode()
            stranger.connect(target.connection.remote)
            for header in (b"", hello, stop):
                with contextlib.suppress(zmq.Again):
                    stranger.send(header)
            strangers.append(stranger)
        target.works()
        target.enter()
        target.works()
        assert not any(stranger.poll(0) for stranger in strangers)
    eventually(target.is_as_before, 20)


def test_a_flood_leaves_nothing_behind(target: Target) -> None:
    flood(target.place, 500)
    before = target.broker.memory_info().rss
    rounds = target.rounds
    flood(target.place, 3000)
    assert target.rounds > rounds
    target.works()
    target.enter()
    eventually(target.is_as_before, 20)
    assert target.broker.memory_info().rss < before + (16 << 20)


def flood(place: tuple[str, int], count: int) -> None:
    """Come and go, with a word or without."""
    words: Sequence[bytes] = (b"", NULL, CURVE, CURVE + HELLO, b"\xff" * 100)
    for number in range(count):
        with connected(place, 1) as (stranger,), contextlib.suppress(ConnectionError):
            stranger.sendall(words[number % len(words)])


def test_strangers_who_stay_cannot_use_up_the_brokers_descriptors_for_long(target: Target) -> None:
    most = target.descriptors + 60
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(target.broker.pid, resource.RLIMIT_NOFILE, (most, hard))
    with connected(target.place, 100) as strangers:  # and say nothing
        eventually(lambda: target.broker.num_fds() >= most - 2)
        target.works()
        target.enter()  # while they are still there
        eventually(target.is_as_before, 2 * _SHOWN_OUT)
        assert all(is_greeting(last_words(stranger, 5)) for stranger in strangers)
    target.works()
