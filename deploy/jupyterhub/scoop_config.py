"""Limits on the pools of all users; goes to /etc/jupyter/scoop_config.py (see docs/jupyterhub.md)."""

c = get_config()  # noqa: F821

c.Limits.max_workers = 4
c.Limits.max_pools = 3
c.Limits.max_memory = "4GiB"
# What is different for some.
c.Limits.users = {"grace": {"max_workers": 16}}
