"""Addresses of this host."""

from __future__ import annotations

import socket

import pytest

from scoop_core.errors import StartFailed
from scoop_core.network import resolve, route_to

#: For documentation only (RFC 5737): no host has it.
NOBODYS = "192.0.2.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.7", "localhost"])
def test_the_way_to_this_host_is_the_loopback(host: str) -> None:
    address = route_to(host)
    assert address in ("127.0.0.1", host, "::1")


def test_the_way_to_a_host_begins_at_an_address_that_can_be_bound() -> None:
    with socket.create_server((route_to("127.0.0.1"), 0)) as server:
        assert server.getsockname()[0] == "127.0.0.1"


def test_there_is_no_way_to_a_host_that_nobody_knows() -> None:
    with pytest.raises(StartFailed, match=r"no way from .* to 'nowhere\.invalid'"):
        route_to("nowhere.invalid")


@pytest.mark.parametrize("name", ["lo", "127.0.0.1"])
def test_an_own_address_is_found_by_itself_and_by_its_interface(name: str) -> None:
    assert resolve(name) == "127.0.0.1"


def test_an_own_address_is_found_by_a_name() -> None:
    assert resolve("localhost") in ("127.0.0.1", "::1")


def test_an_address_of_another_host_is_refused() -> None:
    with pytest.raises(StartFailed, match=rf"{NOBODYS}.*no address of {socket.gethostname()}"):
        resolve(NOBODYS)


@pytest.mark.parametrize("name", ["nowhere.invalid", "a-name-longer-than-any-interface.invalid"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(StartFailed, match=f"'{name}' is no name of"):
        resolve(name)
