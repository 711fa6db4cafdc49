#!/usr/bin/env bash
# The measurements on a GPU in under seven minutes, compilation included: benchmarks/gpu.sh [DIRECTORY]
# Each row is written to DIRECTORY/gpu.json as it is measured; one that fails says why and ends nothing.
# Compiled programs are kept in DIRECTORY/cache: a second run compiles nothing. TINY=1 runs it all on a CPU, for a test.
set -euo pipefail
export XLA_PYTHON_CLIENT_PREALLOCATE=false  # PyTorch shares the GPU
cd "$(dirname "$0")/.."
out="${1:-runs/benchmarks-gpu}"
python="${PYTHON:-python}"
flags=(--out="$out/gpu.json" --seconds=1 --minutes=6)
mkdir -p "$out"
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$out/cache}"
if [[ -n "${TINY:-}" ]]; then
  flags+=(--tiny --seconds=0.02)
else
  "$python" -c 'import jax; assert jax.default_backend() == "gpu", "JAX sees no GPU: pip install jaxdiff[cuda]"'
fi
timeout 415 "$python" -m benchmarks.gpu "${flags[@]}" || echo "cut short after 415 s; the rows measured are kept"
echo "$out/gpu.json"
