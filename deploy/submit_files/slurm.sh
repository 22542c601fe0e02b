#!/bin/sh
# A program as a job of Slurm: sbatch slurm.sh

#SBATCH --job-name=program
#SBATCH --output=%x-%j.log
#SBATCH --time=01:00:00

# So many workers, on whichever hosts have room for them. For all CPUs of some hosts instead: --nodes=4 --exclusive
#SBATCH --ntasks=16

# What the program needs, if you did not have it when you submitted the job:
# module load python
# . ~/venv/bin/activate

# `exec`: the job's end is that of the program, and the other way round.
exec python -m scoop program.py
