#!/usr/bin/env bash
# All benchmarks on a GPU in under ten minutes: benchmarks/gpu.sh [DIRECTORY]; the result is DIRECTORY/all.json.
# With TINY=1 and no GPU it shows only that everything runs.
#
# The answers asked for: bfloat16 training of paper25m and of the full CondUnet1D as a share of the measured matrix rate
# (training: "share"), the paper's ten-fold cross-validation of LLMA in minutes (training: "cross-validation, minutes"),
# and PyTorch on the same GPU (peers, where torch and diffusers are installed).
set -euo pipefail
export XLA_PYTHON_CLIENT_PREALLOCATE=false  # PyTorch shares the GPU
cd "$(dirname "$0")/.."
out="${1:-runs/benchmarks-gpu}"
python="${PYTHON:-python}"
flags=(--out="$out" --seconds=1)
if [[ -n "${TINY:-}" ]]; then
  flags+=(--tiny --seconds=0.02)
else
  "$python" -c 'import jax; assert jax.default_backend() == "gpu", "JAX sees no GPU: pip install jaxdiff[cuda]"'
fi
timeout 600 "$python" -m benchmarks.run_all "${flags[@]}" --only=training,sampling,peers,loader,quality,scaling
"$python" - "$out/all.json" <<'PYTHON'
import json, sys
result = json.load(open(sys.argv[1]))
for row in result["training"]["rows"]:
    print(f"{row['case']}, {row['precision']}, batch {row['batch']}: {row['share']:.0%} of the matrix rate")
minutes = result["training"].get("cross-validation, minutes")
if minutes:
    print(f"ten-fold cross-validation of LLMA: {minutes:.1f} minutes")
PYTHON
echo "$out/all.json"
