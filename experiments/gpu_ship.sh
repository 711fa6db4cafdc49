#!/usr/bin/env bash
# Trains the shipped models on a GPU in the minutes given: experiments/gpu_ship.sh MINUTES OUT
# Leaves OUT/gait.safetensors, OUT/speed.safetensors and OUT/biovae.safetensors, each of at most 16 MB, and the runs.
# A training that is cut short is saved and goes on when the command is given again; one that fails does not stop the
# others. TINY=1 trains their smallest configs on a CPU, for a test.
set -uo pipefail
cd "$(dirname "$0")/.."
minutes="${1:?MINUTES}" out="${2:?OUT}"
python="${PYTHON:-python}"
mkdir -p "$out"
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$out/cache}"
end=$(( $(date +%s) + $("$python" -c "print(int(60 * float('$minutes')))") ))
failed=()

ship() {  # NAME, STUDY:WORD, STUDY:WORD for a test, and how many trainings come after this one
  local name="$1" study="$2" run="$out/runs/$1"
  [[ -n "${TINY:-}" ]] && study="$3"
  local seconds=$(( (end - $(date +%s)) / ($4 + 1) ))
  if (( seconds < 10 )); then echo "$name: no time is left"; failed+=("$name"); return; fi
  # SIGTERM makes a training save and stop; what was trained until then is shipped.
  timeout --signal=TERM --kill-after=60 "$seconds" "$python" -m jaxdiff train "$study" --out "$run"
  if [[ -f "$run/$name.safetensors" ]]; then  # some studies write the model themselves, with its scores
    cp "$run/$name.safetensors" "$out/$name.safetensors"
  elif ! "$python" -c "import sys, jaxdiff; jaxdiff.load(sys.argv[1]).save(sys.argv[2])" \
      "$run" "$out/$name.safetensors"; then
    failed+=("$name"); return
  fi
  local size; size=$(wc -c < "$out/$name.safetensors")
  echo "$name: $out/$name.safetensors, $size bytes"
  if (( size > 16000000 )); then echo "$name: larger than 16 MB"; failed+=("$name"); fi
}

ship gait gait:ship gait:tiny 2
ship speed speed_transfer:ship speed_transfer:ship_tiny 1
ship biovae biovae:gpu biovae:tiny 0
if (( ${#failed[@]} )); then echo "not shipped: ${failed[*]}" >&2; exit 1; fi
