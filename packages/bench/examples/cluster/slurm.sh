#!/usr/bin/env bash
# 30 000 pictures for every sampler, in 60 shards, as a job array. From the repository, `npm ci` done:
#
#   sbatch packages/bench/examples/cluster/slurm.sh
#   npm run tessera -- reproduce merge --out results      # once all have ended
#
# A task that is requeued, or submitted again, goes on where it was (--resume): results are kept after every part.
#SBATCH --job-name=tessera-samplers
#SBATCH --array=0-59
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --output=slurm-%x-%a.log
set -euo pipefail

npm run --silent tessera -- reproduce samplers --pictures 30000 \
  --shard "$SLURM_ARRAY_TASK_ID/60" --threads "$SLURM_CPUS_PER_TASK" --resume --out results
