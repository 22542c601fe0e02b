"""A JupyterHub for the Unix users of one machine, with SCOOP.

It runs as root and checks passwords by PAM; each user's server runs as that user. docs/jupyterhub.md says what goes
where, and tests/jupyterhub starts two users' servers with this file.
"""

c = get_config()  # noqa: F821

# A web server with a certificate stands before it; without one, set JupyterHub.ssl_key and ssl_cert.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"

c.JupyterHub.authenticator_class = "pam"
# Sessions of PAM need rights that containers don't have, and the processes of a pool none of what they set up.
c.PAMAuthenticator.open_sessions = False
c.Authenticator.allowed_users = {"ada", "grace"}

c.JupyterHub.spawner_class = "localprocess"
c.Spawner.args = [
    # Every user of the machine can reach the ports of a kernel. With keys, only its owner is heard.
    "--KernelManager.transport_encryption=auto",
]
# These two become CPU_LIMIT and MEM_LIMIT in the user's environment, and so SCOOP starts no more workers than fit.
# Nothing else comes of them here: for limits that hold whatever a user does, see docs/jupyterhub.md.
c.Spawner.cpu_limit = 4
c.Spawner.mem_limit = "8G"

# A user who closes the browser while tasks run finds them done; the hub ends servers that are idle, if it is told to:
# c.JupyterHub.services = [
#     {"name": "culler", "command": ["python3", "-m", "jupyterhub_idle_culler", "--timeout=3600"]},
# ]
# c.JupyterHub.load_roles = [
#     {
#         "name": "culler",
#         "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
#         "services": ["culler"],
#     },
# ]
