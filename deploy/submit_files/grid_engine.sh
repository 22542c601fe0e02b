#!/bin/sh
# A program as a job of Grid Engine: qsub grid_engine.sh

# In the folder and with the environment that it was submitted with; errors go where the rest goes.
#$ -S /bin/sh
#$ -N program
#$ -cwd
#$ -V
#$ -j y
#$ -l h_rt=01:00:00

# So many workers, in a parallel environment of your site: `qconf -spl` lists them, `qconf -sp NAME` shows one. With the
# allocation_rule $pe_slots all are on one host; with another one it needs control_slaves TRUE.
#$ -pe mpi 16

# `exec`: the job's end is that of the program, and the other way round.
exec python -m scoop program.py
