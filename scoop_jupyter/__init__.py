"""SCOOP in Jupyter: magics, the live panel, prints that find their cell. The engine below knows nothing of it."""
