"""Where programs of the original find the error for a missing pool."""

from __future__ import annotations

from scoop_core.errors import NotStarted

__all__ = ["NotStartedProperly"]

NotStartedProperly = NotStarted
