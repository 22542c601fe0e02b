"""Interrupts that are held back, let through, and delivered in the end."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from scoop_core.link.shield import Shield


class Handler:
    """Counts interrupts; raises them, if it should."""

    def __init__(self) -> None:
        self.struck = 0
        self.raises = False

    def __call__(self, signum: int, frame: object) -> None:
        self.struck += 1
        if self.raises:
            raise KeyboardInterrupt


@pytest.fixture
def handler() -> Iterator[Handler]:
    handler = Handler()
    before = signal.signal(signal.SIGINT, handler)
    yield handler
    signal.signal(signal.SIGINT, before)


def strike() -> None:
    signal.raise_signal(signal.SIGINT)


def test_interrupts_are_held_back_until_the_end_and_are_one_then(handler: Handler) -> None:
    shield = Shield()
    strike()
    strike()
    assert handler.struck == 0
    shield.end()
    assert handler.struck == 1
    strike()
    assert handler.struck == 2, "later ones go where they went before"


def test_what_was_held_back_is_delivered_when_it_is_lowered(handler: Handler) -> None:
    shield = Shield()
    strike()
    shield.lower()
    assert handler.struck == 1
    strike()
    assert handler.struck == 2
    shield.lift()
    shield.end()
    assert handler.struck == 2, "each once"


def test_after_an_interrupt_that_raises_it_is_up_again(handler: Handler) -> None:
    handler.raises = True
    shield = Shield()
    shield.lower()
    with pytest.raises(KeyboardInterrupt):
        strike()
    strike()
    assert handler.struck == 1
    with pytest.raises(KeyboardInterrupt):
        shield.end()


def test_one_within_another_holds_back_for_both(handler: Handler) -> None:
    outer = Shield()
    inner = Shield()
    strike()
    inner.end()
    assert handler.struck == 0
    outer.end()
    assert handler.struck == 1


@pytest.mark.parametrize("ignored", [signal.SIG_IGN, signal.SIG_DFL])
def test_who_has_no_handler_gets_none(ignored: signal.Handlers) -> None:
    before = signal.signal(signal.SIGINT, ignored)
    try:
        shield = Shield()
        assert signal.getsignal(signal.SIGINT) is ignored
        shield.lower()
        shield.lift()
        shield.end()
        assert signal.getsignal(signal.SIGINT) is ignored
    finally:
        signal.signal(signal.SIGINT, before)
