#!/bin/sh
# A program as a job of PBS Professional or OpenPBS: qsub pbs.sh

#PBS -N program
#PBS -j oe
#PBS -l walltime=01:00:00

# Four hosts, or parts of hosts, with four workers each.
#PBS -l select=4:ncpus=4:mpiprocs=4

# Jobs begin in your home and with its environment.
cd "$PBS_O_WORKDIR" || exit
# module load python
# . ~/venv/bin/activate

# `exec`: the job's end is that of the program, and the other way round.
exec python -m scoop program.py
