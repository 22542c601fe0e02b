"""Both ends of the wire, in one process."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from zmq.utils import garbage

from scoop_core import messages as m
from scoop_core.config import Connection, Secrets
from scoop_core.link import Link, curve, new_secrets, open_hub
from scoop_core.link.pieces import PIECE
from scoop_core.link.stream import Stream
from tests.forwarder import Forwarder
from tests.stranger import Stranger
from tests.waiting import eventually, holds

Message = tuple[str, m.Header, list[bytes]]


def plain(frames: list[Any]) -> list[bytes]:
    return [bytes(getattr(frame, "buffer", frame)) for frame in frames]


class Wire:
    """A hub, and the links to it; `messages` are those that the hub has taken."""

    def __init__(self, remote: str = "", secrets: Secrets | None = None, server_secret: str | None = None) -> None:
        self.server_secret = server_secret
        self._folder = tempfile.TemporaryDirectory(prefix="link-", dir="/tmp")  # sockets need short paths
        self.near = Connection("1", "p", f"ipc://{self._folder.name}/hub", "", "", 1, secrets, remote=remote)
        self.hub = open_hub(self.near, server_secret)
        self.far = msgspec.structs.replace(self.near, address="", remote=self.hub.remote)
        self.connection = self.far if remote else self.near
        self.links: list[Link] = []
        self.messages: list[Message] = []
        self.open = True

    def link(self, name: str = "r", handler: Any = None, **how: Any) -> Link:
        def ignore(*_: Any) -> None: ...

        how.setdefault("lost", ignore)
        link = Link(how.pop("connection", self.connection), name, handler or ignore, **how)
        link.start()
        self.links.append(link)
        return link

    def take(self, count: int, seconds: float = 10.0) -> list[Message]:
        """The first so many messages, once the hub has them."""
        self.pump(lambda: len(self.messages) >= count, seconds)
        return self.messages[:count]

    def pump(self, until: Callable[[], Any], seconds: float = 20.0) -> None:
        """Let the hub receive, and send what it could not send at once."""

        def so() -> bool:
            self.hub.wait(0.005)
            self.messages += [(peer, header, plain(frames)) for peer, header, frames in self.hub.messages()]
            return bool(until())

        eventually(so, seconds, step=0)

    def say(self, peer: str, *headers: m.Header) -> None:
        for header in headers:
            self.hub.send(peer, header, [])

    def close_hub(self) -> None:
        if self.open:
            self.open = False
            self.hub.close()

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.close_hub()
        self._folder.cleanup()


@pytest.fixture(scope="module", autouse=True)
def collector() -> Iterator[None]:
    """ZeroMQ's own thread for frames that are sent without a copy: once begun, it belongs to the process."""
    wire = guarded()
    wire.link().send(m.Stop(), [bytes(1_000_000)])
    wire.take(1)
    wire.close()
    yield
    garbage.gc.stop()


def guarded() -> Wire:
    """On TCP as well, with keys; links go over TCP."""
    secrets, server_secret = new_secrets()
    return Wire("tcp://127.0.0.1:*", secrets, server_secret)


@pytest.fixture(params=[Wire, guarded], ids=["local", "network"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    wire = request.param()
    yield wire
    wire.close()


@pytest.fixture
def local() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def network() -> Iterator[Wire]:
    wire = guarded()
    yield wire
    wire.close()


class Ear:
    """Hears messages, and tells in which threads."""

    def __init__(self) -> None:
        self.heard: list[m.Header] = []
        self.frames: list[list[bytes]] = []
        self.threads: set[int] = set()

    def __call__(self, header: m.Header, frames: list[Any]) -> None:
        self.threads.add(threading.get_ident())
        self.frames.append(plain(frames))
        self.heard.append(header)

    def has(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.heard) >= count


def numbered(count: int, first: int = 0) -> list[m.Header]:
    return [m.Scale(number) for number in range(first, first + count)]


# ---- there and back --------------------------------------------------------------------------------------------


def test_a_message_arrives_with_its_frames_and_the_name_of_its_sender(wire: Wire) -> None:
    frames = [b"", b"small", bytes(1_000_000)]
    wire.link("w7").send(m.Scale(5), frames)
    assert wire.take(1) == [("w7", m.Scale(5), frames)]


def test_the_answer_arrives_with_its_frames(wire: Wire) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    link.send(m.Stop())
    wire.take(1)
    wire.hub.send("r", m.Scale(1), [b"a", bytes(500_000)])
    wire.pump(ear.has(1))
    assert ear.heard == [m.Scale(1)]
    assert ear.frames == [[b"a", bytes(500_000)]]


def test_messages_of_one_peer_arrive_in_order_and_none_is_dropped(wire: Wire) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    for header in numbered(20_000):
        link.post(header)
    link.flush()
    assert [header for _, header, _ in wire.take(20_000)] == numbered(20_000)
    wire.say("r", *numbered(20_000))  # far more than sockets hold by default
    wire.pump(ear.has(20_000))
    assert ear.heard == numbered(20_000)


def test_what_is_posted_leaves_with_the_next_that_is_sent(wire: Wire) -> None:
    link = wire.link()
    link.post(m.Scale(1))
    link.send(m.Scale(2))
    assert [header for _, header, _ in wire.take(2)] == numbered(2, 1)


def test_to_send_to_who_is_gone_does_nothing(wire: Wire) -> None:
    wire.say("nobody", m.Stop())
    link = wire.link("r")
    link.send(m.Stop())
    wire.take(1)
    link.close()
    wire.say("r", *numbered(100))


def test_what_was_sent_before_the_end_still_arrives(wire: Wire) -> None:
    link = wire.link()
    link.send(m.Stop())
    wire.take(1)  # it is let in
    for header in numbered(100):
        link.post(header)
    link.close()
    link.close()
    assert len(wire.take(101)) == 101


def test_a_name_that_is_in_use_cannot_be_taken_over(wire: Wire) -> None:
    ear, thief = Ear(), Ear()
    first = wire.link("w0", ear)
    first.send(m.Stop())
    wire.take(1)
    second = wire.link("w0", thief)
    second.send(m.Stop())
    wire.say("w0", m.Scale(1))
    assert first.serve(ear.has(1), 10)
    assert thief.heard == []


# ---- garbage ---------------------------------------------------------------------------------------------------


GARBAGE = [[b""], [b"garbage"], [b"\x91\xa4none"], [b"", b""], [b"\xff" * 1000, b"x"], [bytes(10_000)]]


def test_garbage_is_counted_and_dropped_and_nobody_else_notices(local: Wire) -> None:
    with Stranger(local.connection, b"stranger") as stranger:
        for parts in GARBAGE:
            stranger.send(*parts)
        stranger.send(m.encode(m.Refused("reason")).replace(b"reason", b"\xff\xfe\xfd\xfc\xfb\xfa"))
        stranger.send(m.encode(m.Answer(1, None))[:-1] + b"\x91" * 100_000 + b"\xc0")
        stranger.send(m.encode(m.Stop()))
        local.link("r").send(m.Scale(1))
        assert sorted(local.take(2), key=str) == [("r", m.Scale(1), []), ("stranger", m.Stop(), [])]
        assert local.hub.garbage == len(GARBAGE) + 2
        assert not stranger.is_shut_out()


@pytest.mark.parametrize("name", [b"", b"\xff\xfe"])
def test_who_has_no_proper_name_is_shut_out(local: Wire, name: bytes) -> None:
    with Stranger(local.connection, name) as stranger:
        stranger.send(m.encode(m.Stop()))
        local.link("r").send(m.Stop())
        local.pump(stranger.is_shut_out)
        assert local.hub.garbage == 1
    assert [peer for peer, _, _ in local.take(1)] == ["r"]


@pytest.mark.parametrize(
    "raw", [bytes(12), b"\xff" * 12, b"\x01\x00\x00\x00" + b"\xff" * 8, b"GET / HTTP/1.1\r\n\r\n"]
)
def test_who_does_not_keep_to_the_frame_is_shut_out(local: Wire, raw: bytes) -> None:
    with Stranger(local.connection) as stranger:
        stranger.stream._out.append(raw)
        stranger.stream.flush()
        local.pump(stranger.is_shut_out)
    assert local.hub.garbage == 1
    local.link("r").send(m.Stop())
    assert [peer for peer, _, _ in local.take(1)] == ["r"]


def test_who_only_knocks_leaves_no_trace(local: Wire) -> None:
    Stream.connect(local.connection.address.removeprefix("ipc://")).close()
    local.link("r").send(m.Stop())
    local.take(1)
    assert local.hub.garbage == 0
    assert local.hub.gone() == []
    assert len(local.hub._streams) == 1  # type: ignore[attr-defined]


def test_a_hub_tells_who_has_left_after_all_that_was_said(wire: Wire) -> None:
    link = wire.link("r")
    link.send(m.Stop())
    wire.link("other").send(m.Stop())
    wire.take(2)
    for header in numbered(3000):
        link.post(header)
    link.close()
    gone: list[str] = []

    def left() -> list[str]:
        gone.extend(wire.hub.gone())
        assert not gone or len(wire.messages) == 3002
        return gone

    wire.pump(left)
    assert gone == ["r"]
    second = wire.link("r")  # the name is free again
    second.send(m.Scale(7))
    assert wire.take(3003)[-1] == ("r", m.Scale(7), [])
    assert wire.hub.gone() == []


def test_to_connect_to_nobody_is_to_have_lost_the_broker(local: Wire) -> None:
    local.close_hub()
    lost: list[int] = []
    link = local.link("r", lost=lambda: lost.append(1))
    link.send(m.Stop())
    assert link.serve(lambda: False, 10) is False
    assert lost == [1]


def test_garbage_from_the_broker_does_not_end_a_link(wire: Wire) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    link.send(m.Stop())
    wire.take(1)
    wire.say("r", Nonsense())
    wire.say("r", m.Scale(1))
    assert link.serve(ear.has(1), 10)


class Nonsense(m.Header, tag="nonsense"):
    """Of another version, perhaps."""


def test_a_handler_that_fails_does_not_end_a_link(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    ear = Ear()

    def handler(header: m.Header, frames: list[Any]) -> None:
        if header == m.Scale(0):
            raise ValueError("a mistake")
        ear(header, frames)

    link = wire.link("r", handler)
    link.send(m.Stop())
    wire.take(1)
    wire.say("r", m.Scale(0), m.Scale(1))
    assert link.serve(ear.has(1), 10)
    assert "a mistake" in caplog.text


# ---- turns -----------------------------------------------------------------------------------------------------


def test_who_waits_serves_itself(wire: Wire) -> None:
    ear, main = Ear(), threading.get_ident()
    said: list[int] = []

    def say_it() -> None:
        if threading.get_ident() == main and not said:
            said.append(1)
            wire.say("r", m.Scale(1))

    link = wire.link("r", ear, duty=say_it)
    link.send(m.Stop())
    wire.take(1)
    eventually(lambda: link._server == link._thread.ident)  # the IO thread has its turn
    assert link.serve(ear.has(1), 10)
    assert ear.threads == {main}


def test_while_nobody_waits_the_io_thread_serves(wire: Wire) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    link.send(m.Stop())
    wire.take(1)
    wire.say("r", *numbered(10))
    eventually(ear.has(10))
    assert ear.threads == {link._thread.ident}


def test_the_io_thread_takes_over_after_a_turn(wire: Wire) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    link.send(m.Stop())
    wire.take(1)
    for turn in range(5):
        wire.say("r", m.Scale(turn))
        assert link.serve(ear.has(2 * turn + 1), 10)
        wire.say("r", m.Scale(turn))
        eventually(ear.has(2 * turn + 2))
    assert ear.heard == [m.Scale(turn) for turn in range(5) for _ in range(2)]


def test_several_threads_may_wait_at_once_and_each_sees_what_it_waits_for(wire: Wire) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    link.send(m.Stop())
    wire.take(1)
    seen: list[int] = []

    def wait(count: int) -> None:
        assert link.serve(ear.has(count), 20)
        seen.append(count)

    threads = [threading.Thread(target=wait, args=(count,)) for count in (1, 50, 200)]
    for thread in threads:
        thread.start()
    for header in numbered(200):
        wire.say("r", header)
    wait(200)
    for thread in threads:
        thread.join(20)
    assert sorted(seen) == [1, 50, 200, 200]
    assert ear.heard == numbered(200)


def test_threads_may_send_while_another_serves(wire: Wire) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    stop = m.Stop()

    def send(first: int) -> None:
        for header in numbered(500, first):
            link.send(header)

    threads = [threading.Thread(target=send, args=(first,)) for first in (0, 1000, 2000)]
    waiter = threading.Thread(target=lambda: link.serve(lambda: stop in ear.heard, 20))
    for thread in (waiter, *threads):
        thread.start()
    messages = [header.n for _, header, _ in wire.take(1500) if isinstance(header, m.Scale)]
    wire.say("r", stop)
    for thread in (waiter, *threads):
        thread.join(20)
    assert not waiter.is_alive()
    assert sorted(messages) == [*range(500), *range(1000, 1500), *range(2000, 2500)]
    for first in (0, 1000, 2000):
        mine = [n for n in messages if first <= n < first + 500]
        assert mine == sorted(mine), "what one thread sends stays in order"


def test_who_waits_in_a_handler_serves_on(wire: Wire) -> None:
    heard: list[m.Header] = []

    def handler(header: m.Header, frames: list[Any]) -> None:
        heard.append(header)
        if header == m.Scale(1):
            assert link.serve(lambda: m.Scale(2) in heard, 10)
            heard.append(m.Stop())

    link = wire.link("r", handler)
    link.send(m.Stop())
    wire.take(1)
    wire.say("r", m.Scale(1), m.Scale(2))
    assert link.serve(lambda: m.Stop() in heard, 10)
    assert heard == [m.Scale(1), m.Scale(2), m.Stop()]


def test_a_wait_ends_in_time(wire: Wire) -> None:
    link = wire.link()
    assert link.serve(lambda: False, 0) is False
    assert link.serve(lambda: False, 0.02) is False
    assert link.serve(lambda: True, 0) is True


def test_to_look_without_waiting(wire: Wire) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    link.send(m.Stop())
    wire.take(1)
    link.poll()
    wire.say("r", m.Scale(1))

    def looked() -> bool:
        link.poll()
        return bool(ear.heard)

    eventually(looked)


def test_nobody_is_called_before_the_start_and_a_link_that_never_starts_can_be_closed(wire: Wire) -> None:
    calls: list[int] = []

    def duty() -> None:
        calls.append(1)

    link = Link(wire.connection, "r", lambda *_: None, lambda: None, duty)
    link.nudge()
    time.sleep(0.05)
    assert not calls
    link.close()


def test_duty_is_done_by_whoever_serves_and_after_a_nudge(wire: Wire) -> None:
    threads: list[int] = []

    def duty() -> float:
        threads.append(threading.get_ident())
        return 0.5

    link = wire.link("r", duty=duty)
    eventually(lambda: link._thread.ident in threads)
    before = len(threads)
    link.nudge()
    eventually(lambda: len(threads) > before)
    link.serve(lambda: False, 0.01)
    assert threading.get_ident() in threads


def test_duty_is_done_again_when_it_wants_to_be(wire: Wire) -> None:
    calls: list[int] = []

    def duty() -> float:
        calls.append(1)
        return 0.001

    link = wire.link("r", duty=duty)
    assert link.serve(lambda: len(calls) > 5, 10)
    before = len(calls)
    eventually(lambda: len(calls) > before + 5)  # by the IO thread


# ---- the end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [True, False])
def test_whoever_has_a_link_hears_once_that_the_broker_is_gone(wire: Wire, waits: bool) -> None:
    lost: list[int] = []
    ear = Ear()
    link = wire.link("r", ear, lost=lambda: lost.append(1))
    link.send(m.Stop())
    wire.take(1)
    wire.say("r", *numbered(100))
    if waits:
        end = threading.Timer(0.02, wire.close_hub)
        end.start()
        assert link.serve(lambda: False, 10) is False
        end.join()
    else:
        wire.close_hub()
    eventually(lambda: lost)
    assert not link.alive
    assert ear.heard == numbered(100), "what was sent before the end has arrived"
    assert link.serve(lambda: False, 10) is False, "nothing will come any more"
    assert lost == [1]


def test_a_lifeline_that_ends_means_the_same(wire: Wire) -> None:
    lost: list[int] = []
    lifeline, hold = os.pipe()
    try:
        link = wire.link("r", lost=lambda: lost.append(1), lifeline=lifeline)
        link.send(m.Stop())
        wire.take(1)
        os.close(hold)
        assert link.serve(lambda: bool(lost), 10)
        assert not link.alive
        link.close()
    finally:
        os.close(lifeline)


def test_who_waits_when_its_own_link_is_closed_goes_on(wire: Wire) -> None:
    link = wire.link()
    results: list[bool] = []
    waiter = threading.Thread(target=lambda: results.append(link.serve(lambda: False, 30)))
    waiter.start()
    eventually(lambda: link._serving)
    link.close()
    waiter.join(10)
    assert results == [False]


def test_the_hub_reports_descriptors_that_it_watches(wire: Wire) -> None:
    end, other = os.pipe()
    try:
        wire.hub.watch(end)
        assert wire.hub.wait(0) == []
        os.close(other)
        assert wire.hub.wait(10) == [end]
        wire.hub.unwatch(end)
        assert wire.hub.wait(0) == []
    finally:
        os.close(end)


# ---- interrupts ------------------------------------------------------------------------------------------------


@pytest.fixture
def interrupts() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, as in a kernel, whoever runs the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def interrupted(link: Link, when: Callable[[], Any]) -> None:
    """Wait for ever, and be interrupted as soon as `when()`."""
    main = threading.get_ident()

    def interrupt() -> None:
        eventually(when)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        link.serve(lambda: False, 10)
    thread.join()


def test_an_interrupt_ends_a_wait(wire: Wire, interrupts: None) -> None:
    link = wire.link()
    main = threading.get_ident()
    interrupted(link, lambda: link._server == main)


def test_an_interrupt_while_another_thread_serves_ends_a_wait_too(wire: Wire, interrupts: None) -> None:
    link = wire.link()
    over: list[int] = []
    other = threading.Thread(target=lambda: link.serve(lambda: bool(over), 20))
    other.start()
    eventually(lambda: link._serving)
    interrupted(link, lambda: link._waiting)
    assert not link._waiting, "nobody wakes it any more"
    over.append(1)
    link._wake()
    other.join(10)
    assert not other.is_alive()


@pytest.mark.parametrize("last", [False, True])
def test_an_interrupt_waits_for_the_end_of_a_handler_and_is_not_lost(
    wire: Wire, interrupts: None, last: bool
) -> None:
    main = threading.get_ident()
    said: list[m.Header] = []
    ended: list[m.Header] = []

    def say_it() -> None:
        if threading.get_ident() == main and not said:  # it has its turn now, and so will handle the answer itself
            said.append(m.Scale(1))
            wire.say("r", m.Scale(1))

    def handler(header: m.Header, frames: list[Any]) -> None:
        signal.raise_signal(signal.SIGINT)
        ended.append(header)

    link = wire.link("r", handler, duty=say_it)
    link.send(m.Stop())
    wire.take(1)
    with pytest.raises(KeyboardInterrupt):
        link.serve(lambda: last and bool(ended), 10)
    assert ended == [m.Scale(1)], "the handler has come to its end"


def test_interrupts_at_any_moment_are_neither_lost_nor_do_they_harm(wire: Wire, interrupts: None) -> None:
    ear = Ear()
    link = wire.link("r", ear)
    link.send(m.Stop())
    wire.take(1)
    main = threading.get_ident()
    ready = threading.Semaphore(0)
    rounds = 150

    def disturb() -> None:
        for number in range(rounds):
            assert ready.acquire(timeout=10)
            for _ in range(number * 30):  # a little later each time
                pass
            signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=disturb)
    thread.start()
    struck = 0
    for _ in range(rounds):
        try:
            ready.release()
            link.serve(lambda: False, 10)
        except KeyboardInterrupt:
            struck += 1
    thread.join()
    assert struck == rounds
    wire.say("r", *numbered(10))
    assert link.serve(ear.has(10), 10)
    assert ear.heard == numbered(10)
    eventually(lambda: link._server == link._thread.ident)


def test_interrupts_while_sending_garble_nothing(local: Wire, interrupts: None) -> None:
    link = local.link("r")
    main = threading.get_ident()
    over = threading.Event()

    def disturb() -> None:
        while not over.wait(0.0002):
            signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=disturb)
    sent: list[int] = []
    struck = 0
    numbers = iter(range(5000))
    thread.start()
    try:
        while thread.is_alive():
            try:  # all that takes time is in here: elsewhere nobody expects an interrupt
                for number in numbers:
                    link.send(m.Scale(number))
                    sent.append(number)
                over.set()
                thread.join()
            except KeyboardInterrupt:
                struck += 1
    finally:
        over.set()
    link.send(m.Stop())
    local.pump(lambda: m.Stop() in [header for _, header, _ in local.messages[-1:]])
    arrived = [header.n for _, header, _ in local.messages if isinstance(header, m.Scale)]
    assert local.hub.garbage == 0
    assert arrived == sorted(set(arrived)), "in order, and none twice"
    assert not set(sent) - set(arrived)
    assert struck


def test_who_waits_sees_what_became_of_the_loss(local: Wire) -> None:
    begun, go, seen = threading.Event(), threading.Event(), []

    def lost() -> None:  # in the IO thread
        begun.set()
        go.wait(10)
        seen.append(1)

    link = local.link("r", lost=lost)
    local.close_hub()
    assert begun.wait(10)
    waited: list[bool] = []
    waiter = threading.Thread(target=lambda: waited.append(link.serve(lambda: bool(seen), 10)))
    waiter.start()
    holds(lambda: waited, 0.1)
    go.set()
    waiter.join()
    assert waited == [True]


# ---- between hosts ---------------------------------------------------------------------------------------------


def test_on_tcp_who_has_the_keys_is_let_in(network: Wire) -> None:
    ear = Ear()
    link = network.link("r", ear)
    link.send(m.Scale(1), [b"frame"])
    assert network.take(1) == [("r", m.Scale(1), [b"frame"])]
    network.say("r", m.Scale(2))
    assert link.serve(ear.has(1), 10)


def test_nobody_listens_or_speaks_on_tcp_without_keys() -> None:
    connection = Connection("1", "p", "", "", "", 1, remote="tcp://127.0.0.1:*")
    with pytest.raises(ValueError, match="keys"):
        open_hub(connection, None)
    with pytest.raises(ValueError, match="keys"):
        Link(connection, "r", lambda *_: None, lambda: None)


def with_keys_of_another_pool(connection: Connection) -> Connection:
    return msgspec.structs.replace(connection, secrets=new_secrets()[0])


def with_the_servers_key_only(connection: Connection) -> Connection:
    assert connection.secrets
    own = new_secrets()[0]
    secrets = msgspec.structs.replace(own, server_public=connection.secrets.server_public)
    return msgspec.structs.replace(connection, secrets=secrets)


@pytest.mark.parametrize("how", [with_keys_of_another_pool, with_the_servers_key_only])
def test_on_tcp_who_has_not_the_keys_gets_nothing(network: Wire, how: Callable[[Connection], Connection]) -> None:
    ear = Ear()
    intruder = network.link("w0", ear, connection=how(network.connection))
    intruder.send(m.Stop())
    # Round trips of somebody with the keys: meanwhile the intruder's words would have arrived.
    welcome = Ear()
    link = network.link("r", welcome)
    for count in range(1, 21):
        link.send(m.Scale(count))
        network.take(count)
        network.say("r", m.Scale(count))
        network.say("w0", m.Scale(count))
        assert link.serve(welcome.has(count), 10)
    eventually(lambda: not intruder.alive)
    intruder.send(m.Stop(), [b"frame"])  # must not wait for a peer that will never come
    assert intruder.serve(lambda: False, 10) is False
    assert {peer for peer, _, _ in network.messages} == {"r"}
    assert ear.heard == []
    assert network.hub.garbage == 0


def test_bytes_that_are_not_even_zeromq_do_no_harm(network: Wire) -> None:
    host, _, port = network.connection.remote.removeprefix("tcp://").rpartition(":")
    for data in (b"", b"GET / HTTP/1.0\r\n\r\n", b"\xff" + bytes(8) + b"\x7f" + bytes(1000)):
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(data)
    network.link("r").send(m.Stop())
    assert network.take(1) == [("r", m.Stop(), [])]


def test_a_hub_on_both_wires_hears_both_and_a_name_is_unique_over_both(network: Wire) -> None:
    ears = {name: Ear() for name in ("here", "there", "thief here", "thief there")}
    here = network.link("w0", ears["here"], connection=network.near)
    there = network.link("w1", ears["there"])
    here.send(m.Scale(0))
    network.take(1)
    there.send(m.Scale(1))
    network.take(2)
    network.link("w1", ears["thief here"], connection=network.near).send(m.Stop())
    network.link("w0", ears["thief there"]).send(m.Stop())
    network.pump(lambda: network.hub.garbage == 2)
    network.say("w0", m.Scale(0))
    network.say("w1", m.Scale(1))
    network.pump(lambda: ears["here"].heard and ears["there"].heard)
    assert {name: ear.heard for name, ear in ears.items() if ear.heard} == {
        "here": [m.Scale(0)],
        "there": [m.Scale(1)],
    }
    assert [header for _, header, _ in network.messages] == [m.Scale(0), m.Scale(1)]
    assert network.hub.gone() == []


def test_ends_are_told_of_the_right_ones_though_descriptors_are_used_again(network: Wire) -> None:
    gone: list[str] = []

    def has_left(name: str) -> bool:
        gone.extend(network.hub.gone())
        return name in gone

    stays = network.link("stays")
    stays.send(m.Stop())
    network.take(1)
    for count in range(20):
        link = network.link(f"r{count}")
        link.send(m.Scale(count))
        network.take(count + 2)
        link.close()  # unnoticed, while the next one comes
        if count % 3 == 0:
            network.pump(lambda name=f"r{count}": has_left(name))  # type: ignore[misc]
    network.pump(lambda: has_left("r19"))
    assert sorted(gone) == sorted(f"r{count}" for count in range(20))
    network.say("stays", m.Stop())
    assert stays.alive


def test_who_comes_again_under_its_name_is_heard_after_its_end_was_told(network: Wire) -> None:
    first = network.link("agent")
    first.send(m.Scale(1))
    network.take(1)
    first.close()
    order: list[Any] = []
    second = network.link("agent")
    end = time.monotonic() + 20
    while m.Scale(2) not in order and time.monotonic() < end:
        second.send(m.Scale(2))
        network.hub.wait(0.005)
        order += [header for _, header, _ in network.hub.messages()]
        order += network.hub.gone()
    assert order[:2] == ["agent", m.Scale(2)]
    assert network.hub.gone() == []


def test_a_peer_may_come_before_the_broker_listens() -> None:
    wire = guarded()
    far = wire.far
    wire.close()
    early = Link(far, "early", lambda *_: None, lambda: None)
    early.start()
    early.send(m.Scale(1))
    late = Wire(far.remote, far.secrets, wire.server_secret)
    late.links.append(early)
    try:
        assert late.take(1) == [("early", m.Scale(1), [])]
        assert early.alive
    finally:
        late.close()


@pytest.mark.parametrize("way", ["refused", "accepted", "without the keys"])
def test_a_broker_that_does_not_answer_is_given_up(network: Wire, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "SILENCE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        if way == "refused":
            mute.close()
        if way == "without the keys":
            changes: dict[str, Any] = {"secrets": new_secrets()[0]}
        else:
            changes = {"remote": address}
        lost = threading.Event()
        connection = msgspec.structs.replace(network.far, **changes)
        network.link("r", lost=lost.set, connection=connection).send(m.Scale(1))
        network.pump(lost.is_set)
    assert network.messages == []


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is silent is soon taken for gone, at both ends."""
    monkeypatch.setattr(curve, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(curve, "SILENCE_SECONDS", 4.0)


@pytest.fixture
def between(network: Wire) -> Iterator[Forwarder]:
    forwarder = Forwarder(network.far.remote)
    network.connection = msgspec.structs.replace(network.far, remote=forwarder.remote)
    yield forwarder
    for link in network.links:
        link.close()
    forwarder.close()


def test_a_connection_that_was_reset_has_ended_at_both_ends(network: Wire, between: Forwarder) -> None:
    lost: list[int] = []
    link = network.link("r", lost=lambda: lost.append(1))
    link.send(m.Scale(1))
    network.take(1)
    between.reset()
    gone: list[str] = []

    def both() -> bool:
        gone.extend(network.hub.gone())
        return bool(gone and lost)

    network.pump(both)
    link.send(m.Scale(2))  # into the void, though ZeroMQ connects again by itself
    network.link("s", connection=network.far).send(m.Scale(3))
    assert [header for _, header, _ in network.take(2)] == [m.Scale(1), m.Scale(3)]
    assert gone == ["r"]


def test_what_is_held_up_on_its_way_arrives_later(network: Wire, between: Forwarder) -> None:
    link = network.link("r")
    link.send(m.Scale(1))
    network.take(1)
    between.held.clear()
    link.send(m.Scale(2), [bytes(3 * PIECE)])
    threading.Timer(1.0, between.held.set).start()
    assert network.take(2)[1] == ("r", m.Scale(2), [bytes(3 * PIECE)])
    assert link.alive
    assert network.hub.gone() == []


def test_who_is_silent_for_too_long_is_gone_at_both_ends(hasty: None, network: Wire, between: Forwarder) -> None:
    lost: list[int] = []
    link = network.link("r", lost=lambda: lost.append(1))
    link.send(m.Scale(1))
    network.take(1)
    between.held.clear()
    gone: list[str] = []

    def both() -> bool:
        gone.extend(network.hub.gone())
        return bool(gone and lost)

    network.pump(both, 30)


def test_a_large_message_on_a_slow_way_is_no_silence(hasty: None, network: Wire, between: Forwarder) -> None:
    between.pause = 1e-7  # 10 MB/s at best
    frames = [b"small", os.urandom(24 * PIECE), b"", os.urandom(PIECE), os.urandom(PIECE + 1)]
    link = network.link("r")
    link.send(m.Scale(1), frames)
    network.pump(lambda: network.messages or not link.alive, 90)
    assert network.messages == [("r", m.Scale(1), frames)]
    assert link.alive


def test_every_pool_has_keys_of_its_own() -> None:
    keys = [*(new_secrets() for _ in range(3))]
    assert len({key for secrets, server in keys for key in (*msgspec.structs.astuple(secrets), server)}) == 12
