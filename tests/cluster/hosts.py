"""Hosts on one machine: a small cluster that tests run programs on, cut off, slow down and switch off.

A host is a set of Linux namespaces (network, processes, mounts, name) whose first process is a sshd. It has its own
/dev/shm and /run; all other files are shared, as by the file system of a cluster. One more network namespace is the
switch that all hosts are wired to. Outside there is neither an interface nor an address: clusters of sessions side by
side don't see each other, and as namespaces go with their processes, there is nothing to undo at the end.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.network import Network, await_line, begin, end
from tests.waiting import eventually

NAMES = ("head", "nodea", "nodeb", "nodec")
NETWORK = "10.77.0"
TOOLS = ("ethtool", "ip", "nft", "nsenter", "setpriv", "sshd", "ssh", "ssh-keygen", "unshare")
START_SECONDS = 20.0
RUN_SECONDS = 60.0

UNSHARED = ("unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
#: What a host does first; then it is its sshd. It says when its namespaces are there, and goes on when it is wired.
BOOT = """
set -e
hostname {name}
mount --bind {folder}/hosts /etc/hosts
mount --bind {folder}/ssh_config /etc/ssh/ssh_config
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 shm /dev/shm
mkdir /run/sshd
echo there
read wired
ip link set lo up
ip address add {address}/24 dev eth0
ip link set eth0 up
exec {sshd} -D -e -f {folder}/{name}/sshd_config < /dev/null > /dev/null
"""
SSHD = """\
ListenAddress {address}
HostKey {folder}/{name}/host_key
PidFile none
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
MaxStartups 100
Subsystem sftp internal-sftp
SetEnv {environment}
"""
SSH = """\
IdentityFile {folder}/key
UserKnownHostsFile {folder}/known_hosts
StrictHostKeyChecking yes
BatchMode yes
ConnectTimeout 10
LogLevel ERROR
"""


def lacking(tools: Collection[str]) -> str:
    """Which of these programs this machine has not; empty if it has all."""
    absent = [tool for tool in tools if not shutil.which(tool)]
    return f"there is no {', '.join(absent)}: make cluster" if absent else ""


def missing() -> str:
    """What it takes for such hosts and is not here; empty if nothing."""
    if sys.platform != "linux" or os.getuid() != 0:
        return "hosts made of namespaces need Linux, and root"
    return lacking(TOOLS)


class Cluster(Network):
    """Hosts that reach each other by name, and by ssh; a context manager.

    Args:
        folder: empty; for their keys, settings and temporary files. Every user must be able to enter it.
        environment: of the programs on the hosts.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        #: For ``ssh -F``. On the hosts it is what the system has, so that there ssh works without it, too.
        self.ssh_config = folder / "ssh_config"
        self._environment = environment
        self._write_files()
        self._hosts: dict[str, subprocess.Popen[bytes]] = {}
        self._servers: dict[str, dict[str, subprocess.Popen[bytes]]] = {name: {} for name in NAMES}
        super().__init__()
        try:
            self._start(NAMES)
        except BaseException:
            self.close()
            raise

    def _write_files(self) -> None:
        make_key(self.folder / "key")
        addresses, known = ["127.0.0.1 localhost"], []
        for name in NAMES:
            (self.folder / name / "tmp").mkdir(parents=True)
            (self.folder / name / "tmp").chmod(0o1777)
            (self.folder / name / "runtime").mkdir(mode=0o700)
            kind, key, *_ = make_key(self.folder / name / "host_key").split()
            addresses.append(f"{self.address(name)} {name}")
            known.append(f"{name},{self.address(name)} {kind} {key}")
            environment = " ".join(f'"{key}={value}"' for key, value in self.environment(name).items())
            settings = SSHD.format(folder=self.folder, name=name, address=self.address(name), environment=environment)
            (self.folder / name / "sshd_config").write_text(settings)
        (self.folder / "hosts").write_text("\n".join([*addresses, ""]))
        (self.folder / "known_hosts").write_text("\n".join([*known, ""]))
        self.ssh_config.write_text(SSH.format(folder=self.folder))

    def _start(self, names: Collection[str]) -> None:
        """Switch hosts on, all of them at once."""
        for name in names:
            boot = BOOT.format(folder=self.folder, name=name, address=self.address(name), sshd=shutil.which("sshd"))
            with (self.folder / name / "sshd.log").open("ab") as log:
                self._hosts[name] = begin([*UNSHARED, "sh", "-c", boot], log)
        for name in names:
            await_line(self._hosts[name])
            self.wire(name, self.pid(name), f"02:00:00:00:00:{NAMES.index(name):02x}")
            begun = self._hosts[name].stdin
            assert begun is not None
            begun.write(b"wired\n")
            begun.close()
        for name in names:
            table = Path(f"/proc/{self.pid(name)}/net/tcp")
            eventually(lambda table=table: ":0016 00000000:0000 0A" in table.read_text(), START_SECONDS)

    def address(self, host: str) -> str:
        """Of a host, in a network that nobody else reaches."""
        return f"{NETWORK}.{10 + NAMES.index(host)}"

    def environment(self, host: str) -> dict[str, str]:
        """What all programs on a host have in their environment, those that ssh starts as well."""
        folder = self.folder / host
        own = {"TMPDIR": str(folder / "tmp"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
        return {**self._environment, **own}

    def pid(self, host: str) -> int:
        """The first process of a host, as it is seen from outside."""
        process = self._hosts[host].pid
        return int(Path(f"/proc/{process}/task/{process}/children").read_text())

    @property
    def first_processes(self) -> list[int]:
        """Those that all others on the hosts descend from."""
        return [process.pid for process in (*self._hosts.values(), *self._all_servers())]

    def _all_servers(self) -> list[subprocess.Popen[bytes]]:
        return [server for servers in self._servers.values() for server in servers.values()]

    def popen(
        self,
        host: str,
        argv: Sequence[str | Path],
        *,
        user: str = "",
        env: Mapping[str, str] | None = None,
        cwd: str | Path = "/",
        **streams: Any,
    ) -> subprocess.Popen[Any]:
        """Start a program on a host. If the process that this returns is killed, the program is, too.

        Args:
            host: where.
            argv: the program and its arguments.
            user: who runs it, by default root.
            env: more for its environment.
            cwd: the folder that it starts in.
            streams: further arguments of `subprocess.Popen`, such as `stdin`.
        """
        become = ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--init-groups"] if user else []
        inside = ["setpriv", *become, "--pdeathsig", "KILL", "--", "env", f"--chdir={cwd}", "--", *map(str, argv)]
        return subprocess.Popen(
            [*self._enter(host), *inside], env={**self.environment(host), **(env or {})}, **streams
        )

    def run(
        self,
        host: str,
        argv: Sequence[str | Path],
        *,
        input: str | None = None,
        timeout: float = RUN_SECONDS,
        check: bool = True,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a host to its end; what it printed.

        Args:
            host: where.
            argv: the program and its arguments.
            input: what it can read.
            timeout: in seconds.
            check: whether it must end with 0.
            options: as for `popen`.
        """
        pipe = subprocess.PIPE
        process = self.popen(host, argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)
        with process:
            try:
                out, err = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        assert not check or process.returncode == 0, f"{argv} on {host} ended with {process.returncode}:\n{out}{err}"
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def serve(self, host: str, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start a program that stays until the host or the cluster ends; what it prints goes to a file."""
        name = Path(argv[0]).name
        with (self.folder / host / f"{name}.log").open("ab") as log:
            server = self.popen(host, argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._servers[host][name] = server

    def serves(self, host: str, program: str) -> bool:
        """Whether such a program runs on a host."""
        server = self._servers[host].get(program)
        return server is not None and server.poll() is None

    def commands(self, folder: Path, host: str, names: Collection[str], env: Mapping[str, str]) -> dict[str, str]:
        """Programs of a host, as commands for a process outside: what it needs in its environment to find them.

        Args:
            folder: for them; made anew.
            host: where they run.
            names: of the programs.
            env: more for their environment.
        """
        folder.mkdir()
        enter = shlex.join(["env", *(f"{key}={value}" for key, value in env.items()), *self._enter(host)])
        for name in names:
            (folder / name).write_text(f'#!/bin/sh\nexec {enter} {shutil.which(name)} "$@"\n')
            (folder / name).chmod(0o755)
        return {**self.environment(host), "PATH": f"{folder}:{os.environ['PATH']}"}

    def kill(self, host: str) -> None:
        """Cut the power: everything on the host is gone, and nobody is told."""
        self.unwire(host)  # else the connections of those that die would be closed politely
        for process in (*self._servers[host].values(), self._hosts.pop(host)):
            end(process)
        self._servers[host].clear()

    def revive(self, host: str) -> None:
        """Switch a host on that was killed."""
        self._start([host])

    def restore(self) -> None:
        """Have all hosts as they were at the beginning."""
        for host in NAMES:
            if host in self._hosts:
                self.mend(host)
            else:
                self.revive(host)

    def close(self) -> None:
        """End all that runs on the hosts, and the hosts."""
        for process in (*self._all_servers(), *self._hosts.values()):
            end(process)
        super().close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _enter(self, host: str) -> list[str]:
        """In front of a command that shall run on a host."""
        return ["nsenter", "--target", str(self.pid(host)), "--net", "--mount", "--uts", "--pid", "--"]


def make_key(path: Path) -> str:
    """Make a pair of keys for ssh; the public one."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text()
