#!/usr/bin/env bash
# Trains the shipped models on a GPU in the minutes given: experiments/gpu_ship.sh MINUTES OUT
# Leaves OUT/gait.safetensors, OUT/speed.safetensors and OUT/biovae.safetensors, each of at most 16 MB, and the runs.
# A training that is cut short is saved and goes on when the command is given again; one that fails does not stop the
# others. TINY=1 trains a few steps of each on a CPU, for a test.
set -uo pipefail
cd "$(dirname "$0")/.."
minutes="${1:?MINUTES}" out="${2:?OUT}"
python="${PYTHON:-python}"
mkdir -p "$out"
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$out/cache}"
end=$(( $(date +%s) + $("$python" -c "print(int(60 * float('$minutes')))") ))
failed=()

ship() {  # NAME STUDY:WORD, and how many trainings are still to come after this one
  local name="$1" study="$2" left="$3" flags=()
  local seconds=$(( (end - $(date +%s)) / (left + 1) ))
  if (( seconds < 10 )); then echo "$name: no time is left"; failed+=("$name"); return; fi
  [[ -n "${TINY:-}" ]] && flags=(--set training.steps=4 --set training.save_every=2)
  # SIGTERM asks a training to save and stop, and so it is complete to the last step; what was trained is shipped.
  timeout --signal=TERM --kill-after=60 "$seconds" \
    "$python" -m jaxdiff train "$study" --out "$out/runs/$name" ${flags[@]+"${flags[@]}"}
  if ! "$python" -c "
import sys, jaxdiff
model = jaxdiff.load(sys.argv[1])
model.save(sys.argv[2])
" "$out/runs/$name" "$out/$name.safetensors"; then
    failed+=("$name"); return
  fi
  local size; size=$(wc -c < "$out/$name.safetensors")
  echo "$name: $out/$name.safetensors, $size bytes"
  if (( size > 16000000 )); then echo "$name: larger than 16 MB"; failed+=("$name"); fi
}

ship gait gait:ship 2
ship speed speed_transfer:ship 1
ship biovae biovae:gpu 0
if (( ${#failed[@]} )); then echo "not shipped: ${failed[*]}" >&2; exit 1; fi
