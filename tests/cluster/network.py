"""The network of the hosts: a switch, the cables to it, and all that can go wrong with them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

DELAY = Path(__file__).with_name("delay.py")
COMMAND_SECONDS = 60.0
END_SECONDS = 10.0

#: A host's firewall, while it has trouble.
FIREWALL = """
add table inet trouble
add chain inet trouble in {{ type filter hook input priority 0; }}
add rule inet trouble in {}
"""


class Network:
    """A switch, which is a network namespace with a bridge, and hosts with a cable each."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}  # of processes that are in the network namespaces of the hosts
        self._copiers: dict[str, subprocess.Popen[bytes]] = {}  # they delay frames
        self._troubled: set[str] = set()
        self._switch = begin(["unshare", "--net", "sh", "-c", "echo there; exec sleep infinity"])
        await_line(self._switch)
        self._on_switch("link add lan type bridge", "link set lan up")

    def wire(self, host: str, pid: int, hardware: str) -> None:
        """Wire a host to the switch; it has an interface eth0 then.

        Args:
            host: its name.
            pid: of a process in its network namespace.
            hardware: the address of the interface, which other hosts remember for a while.
        """
        peer = f"name eth0 address {hardware} netns {pid}"
        self._on_switch(f"link add {host} type veth peer {peer}", f"link set {host} master lan up")
        self._pids[host] = pid

    def unwire(self, host: str) -> None:
        """Take away what `wire` made."""
        self.mend(host)
        del self._pids[host]
        self._on_switch(f"link del {host}")

    def cut(self, host: str) -> None:
        """Pull the cable of a host."""
        self._troubled.add(host)
        self._on_switch(f"link set {host} down")

    def lose(self, host: str, percent: int) -> None:
        """Lose so many of the packets for a host, on the average; with 100 it hears nothing more."""
        self._firewall(host, f"iifname eth0 numgen random mod 100 <= {percent - 1} drop")

    def reset(self, host: str, port: int) -> None:
        """Answer all that is sent to a port of a host with a reset, through connections that are open, too."""
        self._firewall(host, f"tcp dport {port} reject with tcp reset")

    def delay(self, host: str, ms: float) -> None:
        """Have frames to and from a host take so much longer, each way."""
        self._troubled.add(host)
        # The host's port leaves the bridge; what comes there is copied to another port, after a while, and back.
        near, far = f"near-{host}", f"far-{host}"
        self._on_switch(
            f"link set {host} nomaster",
            f"link add {near} type veth peer name {far}",
            f"link set {near} up",
            f"link set {far} master lan up",
        )
        # The kernel leaves checksums and segments to hardware, which frames that are copied never meet.
        self._at(self._pids[host], ["ethtool", "-K", "eth0", "tx", "off"])
        self._at(self._switch.pid, ["ethtool", "-K", far, "tx", "off"])
        copier = [sys.executable, str(DELAY), host, near, str(ms / 1e3)]
        self._copiers[host] = begin(["nsenter", "--target", str(self._switch.pid), "--net", "--", *copier])
        await_line(self._copiers[host])

    def mend(self, host: str) -> None:
        """Undo what `cut`, `lose`, `reset` and `delay` have done to a host."""
        if host not in self._troubled:
            return
        self._troubled.discard(host)
        if host in self._copiers:
            end(self._copiers.pop(host))
            self._on_switch(f"link del near-{host}")
            self._at(self._pids[host], ["ethtool", "-K", "eth0", "tx", "on"])
        self._on_switch(f"link set {host} master lan up")
        self._at(self._pids[host], ["nft", "flush", "ruleset"])

    def traffic(self, *hosts: str) -> list[int]:
        """How many bytes have come to each host so far, and how many have left it."""
        counts = []
        for host in hosts:
            [link] = json.loads(self._at(self._pids[host], ["ip", "-json", "-stats", "link", "show", "eth0"]))
            counts += [link["stats64"][way]["bytes"] for way in ("rx", "tx")]
        return counts

    def close(self) -> None:
        """End it; the hosts don't reach each other then."""
        for process in (*self._copiers.values(), self._switch):
            end(process)

    def _on_switch(self, *commands: str) -> None:
        """What `ip` shall do where the ports of all hosts are."""
        self._at(self._switch.pid, ["ip", "-batch", "-"], "\n".join(commands))

    def _firewall(self, host: str, rule: str) -> None:
        self._troubled.add(host)
        self._at(self._pids[host], ["nft", "-f", "-"], FIREWALL.format(rule))

    @staticmethod
    def _at(pid: int, command: Sequence[str], input: str = "") -> str:
        """Run a command in the network of a process; what it printed."""
        enter = ["nsenter", "--target", str(pid), "--net", "--"]
        done = subprocess.run(
            [*enter, *command], input=input, text=True, capture_output=True, timeout=COMMAND_SECONDS
        )
        assert done.returncode == 0, f"{command}: {done.stderr}\n{input}"
        return done.stdout


def begin(command: Sequence[str], errors: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a process that says so in a line, and that ends with this one."""
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
    )


def await_line(process: subprocess.Popen[bytes]) -> None:
    """Wait until it says that it is there."""
    assert process.stdout is not None
    assert process.stdout.readline(), f"{process.args} has ended"
    process.stdout.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process."""
    process.kill()
    process.wait(END_SECONDS)
    if process.stdin is not None:
        process.stdin.close()
