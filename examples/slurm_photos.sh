#!/bin/bash
# A folder of photos on the nodes of a cluster:
#   sbatch --nodes 2 --ntasks-per-node 8 examples/slurm_photos.sh PHOTOS OUT
# Each task fits on its processors, and a worker beside it starts the next photo and writes the last one.
# Submitted again after a time limit or a crash, it goes on where it was.
#SBATCH --job-name=hfb-photos
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=2
#SBATCH --mem-per-cpu=2G
#SBATCH --time=12:00:00
#SBATCH --requeue
set -euo pipefail

photos=${1:?usage: sbatch slurm_photos.sh PHOTOS OUT}
out=${2:?usage: sbatch slurm_photos.sh PHOTOS OUT}
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

# Lightning wants to know what SLURM has been asked for: nodes, and tasks on each of them.
srun python run_hfb.py predict \
  --data.folder "$photos" \
  --output "$out" \
  --model.workers 1 \
  --trainer.strategy ddp \
  --trainer.num_nodes "$SLURM_JOB_NUM_NODES" \
  --trainer.devices "$SLURM_NTASKS_PER_NODE"
