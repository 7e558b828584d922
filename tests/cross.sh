#!/bin/sh
# The kernels on AArch64, built here and emulated: the check driver on an old and on a new processor, then the tests
# of inference on NumPy arrays. CONTRIBUTING.md says which packages it needs. ./dev cross [rounds [pytest options]]
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-30}
[ $# -eq 0 ] || shift
for tool in aarch64-linux-gnu-g++ qemu-aarch64 cmake; do
    command -v "$tool" >/dev/null ||
        { echo "dev: no $tool; apt install g++-aarch64-linux-gnu qemu-user cmake" >&2; exit 2; }
done
here=$PWD/build/cross
python=$PWD/.venv/bin/python
mkdir -p "$here"

configure() {
    folder=$1
    shift
    echo "cross: building the $folder"
    cmake -S src/recurra/native -B "$here/$folder" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
        -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ "$@" >/dev/null
    cmake --build "$here/$folder" --parallel 2 -- --no-print-directory >"$here/$folder.log" 2>&1 ||
        { tail -30 "$here/$folder.log" >&2; exit 1; }
}

configure check -DRECURRA_CHECK=ON -DRECURRA_SANITIZE=
for processor in cortex-a57 max; do
    echo "cross: the check driver on $processor"
    qemu-aarch64 -cpu "$processor" -L /usr/aarch64-linux-gnu "$here/check/check" "$rounds"
done

# A Python of Debian's for AArch64, unpacked and not installed, with NumPy from its wheel.
root=$here/root site=$here/site
if ! command -v apt-get >/dev/null; then
    echo "cross: no apt-get here, hence no Python for AArch64: the tests on NumPy arrays are left out"
    exit 0
fi
if [ ! -e "$root/usr/bin/python3" ]; then
    apt=$here/apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$root"
    : >"$apt/status"
    cat >"$apt/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Debug::NoLocking "true";
END
    APT_CONFIG=$apt/apt.conf apt-get -qq update
    APT_CONFIG=$apt/apt.conf apt-get -qq -y --download-only --no-install-recommends install \
        python3 libpython3-dev libstdc++6 >"$apt/log"
    for each in "$apt"/archives/*.deb; do dpkg -x "$each" "$root"; done
fi
version=$(qemu-aarch64 -L "$root" "$root/usr/bin/python3" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
digits=$(echo "$version" | tr -d .)
if [ ! -d "$site/numpy" ]; then
    "$python" -m pip install --quiet --target "$site" --only-binary=:all: --python-version "$version" \
        --implementation cp --abi "cp$digits" --abi abi3 --abi none --platform any \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
        numpy safetensors click rich pytest hypothesis
    "$python" -m pip install --quiet --target "$here/nanobind" --no-deps nanobind
fi
PYTHONPATH=$here/nanobind configure module -DPython_EXECUTABLE="$python" \
    -DPython_INCLUDE_DIR="$root/usr/include/python$version" -DCMAKE_CXX_FLAGS="-idirafter $root/usr/include" \
    -DNB_SUFFIX=".cpython-$digits-aarch64-linux-gnu.so"
rm -rf "$here/package"
mkdir -p "$here/package"
cp -R src/recurra "$here/package"
rm -f "$here"/package/recurra/native/*.so
cp "$here"/module/_native*.so "$here/package/recurra/native"
echo "cross: the tests on NumPy arrays, by the kernels"
# The one that is left out starts a Python of its own, which only the emulator could. CI: Hypothesis sets no time limit.
exec qemu-aarch64 -cpu max -L "$root" -E CI=1 -E PYTHONHOME="$root/usr" -E PYTHONPATH="$here/package:$site" \
    "$root/usr/bin/python3" -m pytest --noconftest -p no:cacheprovider -k "not numpy and not plain" \
    --deselect tests/native/test_inference.py::test_the_environment_can_do_without_kernels \
    tests/native/test_folds.py tests/native/test_stack.py tests/native/test_inference.py "$@"
