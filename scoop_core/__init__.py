"""The engine of SCOOP: it schedules, moves and watches tasks. It knows nothing of Jupyter.

Imports go down the floors: pool and client · shells (broker, worker, agent, forkserver) · owners of the outside
world (link, payload, store, fibers, processes) · pure states · words (messages, errors, config).
"""
