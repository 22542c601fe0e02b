"""Slurm on the hosts of the tests: a controller on head, and a node on each of the others."""

from __future__ import annotations

import secrets

from tests.cluster.hosts import NAMES, Cluster, lacking
from tests.waiting import eventually

START_SECONDS = 30.0
NODES = NAMES[1:]
CPUS = 2
TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")

#: Times are as short as they can be, so that tests see nodes fail. Without `NoInAddrAny` it is open to all networks.
CONFIGURATION = """\
ClusterName=tests
SlurmctldHost=head
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldTimeout=5
SlurmdTimeout=5
MessageTimeout=3
TCPTimeout=1
KillWait=1
MinJobAge=5
OverTimeLimit=0
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName={nodes} CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes={nodes} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """What this machine lacks for Slurm; empty if nothing."""
    return lacking(TOOLS)


class Slurm:
    """Slurm, with one partition.

    Args:
        cluster: on which hosts.

    Attributes:
        variables: with which a process on one of the hosts finds the commands.
        environment: with which one outside does.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._folder = folder = cluster.folder / "slurm"
        folder.mkdir()
        (folder / "state").mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        values = {"folder": folder, "nodes": ",".join(NODES), "cpus": CPUS}
        self.configuration = folder / "slurm.conf"
        self.configuration.write_text(CONFIGURATION.format(**values))
        self.variables = {"SLURM_CONF": str(self.configuration)}
        names = [tool for tool in TOOLS if tool.startswith("s")]
        self.environment = cluster.commands(folder / "bin", "head", names, self.variables)
        self._start("head", ["slurmctld", "-D", "-c"])
        self.restore()

    def _start(self, host: str, daemon: list[str]) -> None:
        # Each host has a /run of its own, and so a munged of its own.
        self._cluster.run(host, ["mkdir", "-p", "/run/munge"])
        key, seed = self._folder / "munge.key", self._cluster.folder / host / "munge.seed"
        options = [f"--key-file={key}", f"--seed-file={seed}", "--pid-file=/run/munge/pid", "--num-threads=2"]
        self._cluster.serve(host, ["munged", "--foreground", "--force", *options])
        self._cluster.serve(host, daemon, self.variables)

    def restore(self) -> None:
        """Have all nodes up and idle."""
        for host in NODES:
            if not self._cluster.serves(host, "slurmd"):
                self._start(host, ["slurmd", "-D", "-N", host])
        eventually(self._is_idle, START_SECONDS, 0.1)

    def _is_idle(self) -> bool:
        found = self._cluster.run("head", ["sinfo", "-h", "-t", "idle", "-o", "%D"], env=self.variables, check=False)
        return found.stdout.strip() == str(len(NODES))

    def close(self) -> None:
        """End all jobs; the rest ends with the hosts."""
        self._cluster.run("head", ["scancel", "--user=root"], env=self.variables, check=False)
