"""Which hosts or batch jobs of a pool are not there, in words, and how many workers are. Pure."""

from scoop_jupyter.view.numbers import more, number, plural
from scoop_jupyter.view.snapshot import Missing, RecruitRow, Snapshot

_MOST = 3  # that are named


def missing(snapshot: Snapshot) -> Missing | None:
    """Return how many are there, and what keeps the others; None if nobody is missing.

    Where a batch system chooses the hosts, one counts jobs: they have no other name before they run.
    """
    rows = [row for row in snapshot["pool"].get("recruits", []) if row["slots"]]
    absent = [row for row in rows if row["state"] != "running"]
    if not absent:
        return None
    by_host = all(row["host"] for row in rows)
    troubles = [f"{_name(row)}: {' '.join(row['trouble'].split())}" for row in absent if row["trouble"]]
    awaited = [_name(row) for row in absent if not row["trouble"]]
    there = len(rows) - len(absent)
    says = f"{number(there)} of {plural(len(rows), 'other host' if by_host else 'job')}"
    if not by_host:
        says += " running" + f", {number(len(awaited))} pending" * bool(awaited)
    else:
        says += f" {'is' if 1 in (there, len(rows)) else 'are'} there"
        if awaited:
            says += f"; awaited: {' '.join([', '.join(awaited[:_MOST]), *more(len(awaited) - _MOST, 'host')])}"
    return {"says": says, "troubles": troubles[:_MOST] + more(len(troubles) - _MOST, "host" if by_host else "job")}


def workforce(snapshot: Snapshot) -> str:
    """Return how many workers a pool has, and how many its batch jobs bring when they begin."""
    there = sum(row["state"] not in ("starting", "lost", "stopped") for row in snapshot["workers"])
    jobs = [
        row["slots"]
        for row in snapshot["pool"].get("recruits", [])
        if row["slots"] and row["state"] == "pending" and not row["host"]
    ]
    # Of those that are not wanted any more some may still be there.
    wanted = snapshot["pool"].get("wanted", there)
    there, queued = min(there, wanted), min(sum(jobs), max(0, wanted - there))
    if not queued:
        return plural(there, "worker")
    now = plural(there, "worker") if there else "no workers yet"
    count = plural(len(jobs), "job") if queued == sum(jobs) else "jobs"
    return f"{now}; {count} with {plural(queued, 'worker')} {'is' if count == '1 job' else 'are'} in the queue."


def _name(row: RecruitRow) -> str:
    return row["host"] or (f"job {row['job']}" if row["job"] else row["agent"])
