"""Which of the hosts or batch jobs that a pool has sent for are not there, in words. Pure."""

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


def _name(row: RecruitRow) -> str:
    return row["host"] or (f"job {row['job']}" if row["job"] else row["agent"])
