"""What a task costs on this machine, beside the pools of the standard library: `make bench`."""
