#!/bin/sh
# What a GPU does with this repository, in one command and at most 8 minutes; installs nothing:
#
#     sh benchmarks/device.sh [RESULT.json]     # default: outputs/device.json
#
# Runs the tests that need a CUDA device, then prints ms a step and photos/s of fits at 256² for
# batches of 1, 8, 32 and 128 photos with every backend that is there, and writes them as JSON.
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON:-python}
result=${1:-outputs/device.json}
if ! "$python" -c "import sys, torch; sys.exit(not torch.cuda.is_available())" 2>/dev/null; then
    echo "benchmarks/device.sh: PyTorch (of $python) finds no CUDA device here, so there is nothing to measure" >&2
    exit 1
fi
timeout 180 "$python" -m pytest -q -m gpu tests/render tests/body
tests=$?
[ "$tests" -ne 5 ] || tests=0 # no test collected
PYTHONPATH=. timeout 290 "$python" benchmarks/bench_device.py --output "$result" || exit 1
[ "$tests" -eq 0 ] || echo "benchmarks/device.sh: tests failed on the device, see above" >&2
exit "$tests"
