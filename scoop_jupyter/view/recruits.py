"""Which hosts or batch jobs of a pool are not there, in words, and how many workers are. Pure."""

from scoop_jupyter.view.numbers import more, number, plural
from scoop_jupyter.view.snapshot import Missing, RecruitRow, Snapshot

_MOST = 3  # that are named


def missing(snapshot: Snapshot) -> Missing | None:
    """Return how many are there, and what keeps the others; None if nobody is missing."""
    rows = [row for row in snapshot["pool"].get("recruits", []) if row["slots"]]
    if all(row["state"] == "running" for row in rows):
        return None
    # Where a batch system chooses the hosts, one counts jobs: they have no other name before they run.
    return _missing_hosts(rows) if all(row["host"] for row in rows) else _missing_jobs(rows)


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


def _missing_hosts(rows: list[RecruitRow]) -> Missing:
    absent = [row for row in rows if row["state"] != "running"]
    there = len(rows) - len(absent)
    says = f"{number(there)} of {plural(len(rows), 'other host')} {'is' if 1 in (there, len(rows)) else 'are'} there"
    if awaited := [row["host"] for row in absent if not row["trouble"]]:
        says += f"; awaited: {' '.join([', '.join(awaited[:_MOST]), *more(len(awaited) - _MOST, 'host')])}"
    troubles = [f"{row['host']}: {_line(row['trouble'])}" for row in absent if row["trouble"]]
    return {"says": says, "troubles": troubles[:_MOST] + more(len(troubles) - _MOST, "host")}


def _missing_jobs(rows: list[RecruitRow]) -> Missing:
    jobs = [row for row in rows if row["agent"]]
    running = sum(row["state"] == "running" for row in jobs)
    parts = [f"{number(running)} of {plural(len(jobs), 'job')} running"] if jobs else []
    if running < len(jobs):
        parts.append(f"{number(len(jobs) - running)} pending")
    if jobless := sum(row["slots"] for row in rows if not row["agent"]):
        parts.append(f"no job for {plural(jobless, 'worker')}")
    troubles = [_line(row["trouble"]) for row in rows if row["state"] != "running" and row["trouble"]]
    return {"says": ", ".join(parts), "troubles": troubles[:_MOST] + more(len(troubles) - _MOST, "job")}


def _line(text: str) -> str:
    return " ".join(text.split())
