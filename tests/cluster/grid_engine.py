"""Grid Engine on the hosts of the tests: its master on head, and an execution daemon on each of the others."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.cluster.hosts import NAMES, Cluster, lacking
from tests.waiting import eventually

START_SECONDS = 60.0
NODES = NAMES[1:]
SLOTS = 2
ADMINISTRATOR = "sgeadmin"
INSTALLED = Path("/var/lib/gridengine")
SCRIPTS = Path("/usr/share/gridengine/scripts")
TOOLS = ("sge_qmaster", "sge_execd", "qconf", "qsub", "qstat", "qdel", "qhost")

#: What is different from the configuration that it makes for itself. Times are as short as they can be.
GLOBAL = {
    "execd_spool_dir": "{folder}/execd",
    "load_report_time": "00:00:01",
    "max_unheard": "00:00:05",
    "reschedule_unknown": "00:00:00",
    "shell_start_mode": "unix_behavior",
    "min_uid": "0",
    "min_gid": "0",
}
SCHEDULER = {"schedule_interval": "0:0:1", "flush_submit_sec": "1", "flush_finish_sec": "1"}
QUEUE = {
    "qname": "main.q",
    "hostlist": "@allhosts",
    "pe_list": "smp spread",
    "slots": str(SLOTS),
    "shell": "/bin/sh",
    "shell_start_mode": "unix_behavior",
    "load_thresholds": "NONE",
    "notify": "00:00:01",
}
ENVIRONMENT = """\
pe_name            {name}
slots              999
user_lists         NONE
xuser_lists        NONE
start_proc_args    NONE
stop_proc_args     NONE
allocation_rule    {rule}
control_slaves     TRUE
job_is_first_task  FALSE
urgency_slots      min
accounting_summary FALSE
qsort_args         NONE
"""
#: One that has all slots of a job on a host, and one that spreads them.
RULES = {"smp": "$pe_slots", "spread": "$round_robin"}


def missing() -> str:
    """What this machine lacks for Grid Engine; empty if nothing."""
    return lacking(TOOLS)


class GridEngine:
    """Grid Engine, with one queue.

    Args:
        cluster: on which hosts.

    Attributes:
        variables: with which a process on one of the hosts finds the commands.
        environment: with which one outside does.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._folder = folder = cluster.folder / "sge"
        self.variables = {"SGE_ROOT": str(folder), "SGE_CELL": "default", "SGE_ND": "true"}
        self._make_folder()
        cluster.serve("head", ["sge_qmaster"], self.variables)
        eventually(lambda: self._ask("-sh", check=False), START_SECONDS, 0.1)
        self._configure()
        self.environment = cluster.commands(folder / "commands", "head", ["qsub", "qstat", "qdel"], self.variables)
        self.restore()

    def _make_folder(self) -> None:
        folder = self._folder
        for name in ("default/common", "spool/qmaster/job_scripts", "spool/spooldb", "execd"):
            (folder / name).mkdir(parents=True)
        for name in ("bin", "lib", "util", "utilbin"):
            (folder / name).symlink_to(INSTALLED / name)
        bootstrap = (INSTALLED / "default/common/bootstrap").read_text()
        (folder / "default/common/bootstrap").write_text(
            bootstrap.replace("/var/spool/gridengine", f"{folder}/spool")
        )
        (folder / "default/common/act_qmaster").write_text("head\n")
        for path in (folder, *folder.rglob("*")):
            if not path.is_symlink():
                shutil.chown(path, ADMINISTRATOR, ADMINISTRATOR)
        begin = [SCRIPTS / "init_cluster", folder, "default", folder / "spool/spooldb", ADMINISTRATOR]
        self._cluster.run("head", begin, user=ADMINISTRATOR)

    def _configure(self) -> None:
        self._change(
            "-sconf", "-Mconf", "global", {key: value.format(folder=self._folder) for key, value in GLOBAL.items()}
        )
        self._change("-ssconf", "-Msconf", "scheduler", SCHEDULER)
        self._ask("-as", "head")
        for host in NODES:
            self._ask("-ah", host)
            self._ask("-as", host)
        self._tell("-Ahgrp", "hosts", f"group_name @allhosts\nhostlist {' '.join(NODES)}\n")
        for name, rule in RULES.items():
            self._tell("-Ap", name, ENVIRONMENT.format(name=name, rule=rule))
        # There a job has a folder, which on each host goes with its processes: hosts must not have it in common.
        folders = [f"[{host}={self._cluster.environment(host)['TMPDIR']}]" for host in NODES]
        self._change("-sq", "-Aq", "queue", {**QUEUE, "tmpdir": ",".join(["/tmp", *folders])})

    def _ask(self, *words: str, check: bool = True) -> str:
        return self._cluster.run("head", ["qconf", *words], env=self.variables, check=check).stdout

    def _tell(self, word: str, name: str, text: str) -> None:
        (self._folder / name).write_text(text)
        # The configuration that is changed is the one that the file has its name of, without a folder.
        command = ["qconf", word, name]
        self._cluster.run("head", command, env=self.variables, cwd=self._folder)

    def _change(self, show: str, change: str, name: str, values: dict[str, str]) -> None:
        """Have these values in the place of those that it has."""
        text = self._ask(show)
        for key, value in values.items():
            text, found = re.subn(rf"^{key} .*$", f"{key} {value}", text, flags=re.MULTILINE)
            assert found, f"there is no {key} in:\n{text}"
        self._tell(change, name, text)

    def restore(self) -> None:
        """Have all nodes up."""
        eventually(self._is_up, START_SECONDS, 0.1)

    def _is_up(self) -> bool:
        for host in NODES:
            if not self._cluster.serves(host, "sge_execd"):
                self._start(host)
        return self._up() == set(NODES)

    def _start(self, host: str) -> None:
        """Start the daemon of a node.

        To the master a node that was switched off is still connected, until it hears otherwise; and it refuses the
        new daemon there. That one then leaves its parent and lives on, in the way of those that come after it.
        """
        self._cluster.run("head", ["ss", "--kill", "dst", self._cluster.address(host)])
        self._cluster.run(host, ["pkill", "-KILL", "-x", "sge_execd"], check=False)
        self._cluster.serve(host, ["sge_execd"], self.variables)

    def _up(self) -> set[str]:
        """The nodes on which the queue is fine: the others have letters behind their kind."""
        said = self._cluster.run("head", ["qstat", "-f"], env=self.variables, check=False).stdout
        return set(re.findall(r"^main\.q@(\S+) .* lx-amd64 *$", said, re.MULTILINE))
