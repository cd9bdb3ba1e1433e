# make demo    the main job, on a synthetic drive or on SOURCE=clip.mp4; leaves out/overlay.mp4 and out/report.json
# make test    the tests
# make check   all that must hold before a commit: format, lint, types, tests
# make bench   what the model costs on this machine, alone and in the whole run; a page with plots in out/bench.html
# Each sets up .venv as far as it needs it.

PYTHON ?= python3
SOURCE ?= synth://640x480@30?seconds=10
BIN := .venv/bin

# The latest torch that the tests ran with. Without an NVIDIA GPU its CPU build is taken: the plain one brings CUDA
# along, several gigabytes. "+cpu" versions sort above plain ones, so the additional index wins where it is reachable.
TORCH := torch==2.13.0
TORCH_INDEX := $(if $(shell command -v nvidia-smi),,--extra-index-url https://download.pytorch.org/whl/cpu --retries 0)

# A real RTSP server for the tests of live sources, a screen that nobody sees, and a browser; tests skip where these
# are missing.
PACKAGES := gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good xvfb xdotool chromium

# Two at a time, each with one thread for torch, as threads that spin cost their neighbours most; of a group
# (`xdist_group`) one at a time. Those that wait for frames in real time come by themselves, as the others would make
# them late, and have a second try: on a shared machine somebody else may. The summary counts these. A process that
# crashes ends the run; started anew, it would wait for ever for tests that are handed out in groups.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup --max-worker-restart 0
RUN_TESTS = $(PYTEST) -m "not live"; others=$$?; $(PYTEST) -m live --reruns 1 && exit $$others

# Without compiling ahead: most of what comes along is never imported.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

.PHONY: demo test check bench format clean

demo: .venv/run.stamp
	@mkdir -p out
	@$(BIN)/rtseg run "$(SOURCE)" -o out/overlay.mp4 --report out/report.json --legend --overwrite

test: .venv/dev.stamp .venv/system.stamp .venv/cuda.stamp .venv/trt.stamp
	@$(RUN_TESTS)

check: .venv/dev.stamp .venv/system.stamp .venv/cuda.stamp .venv/trt.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(RUN_TESTS)

bench: .venv/run.stamp
	@mkdir -p out
	@$(BIN)/rtseg bench "$(SOURCE)" --report out/bench.json --html out/bench.html

format: .venv/dev.stamp
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf .venv out build *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "rtseg needs Python 3.10 or newer; name one with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making .venv …"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install -y python3-venv"; exit 1; }

.venv/run.stamp: .venv/bin/python pyproject.toml setup.py
	@echo "Installing rtseg into .venv (a minute or two) …"
	@$(PIP) -e .
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	@echo "Installing what training and the tests need (a few minutes) …"
	@$(PIP) $(TORCH_INDEX) "$(TORCH)"
	@$(PIP) -e ".[train,encoders,table,ray,serve,webrtc,dev]"
	@touch $@

# TensorRT's Python bindings in several versions, a megabyte each, to hold the project against; nothing imports them
# but the tests, and those skip where a version cannot be had.
.venv/trt.stamp: .venv/dev.stamp $(wildcard tests/trt/*.py)
	@$(BIN)/python -m tests.trt.install
	@touch $@

# Only with apt-get, and without asking for a password; nothing depends on it but those tests.
.venv/system.stamp: .venv/bin/python
	@{ /usr/bin/python3 -c "import gi; gi.require_version('GstRtspServer', '1.0')" && \
	  command -v Xvfb && command -v xdotool && command -v chromium; } >/dev/null 2>&1 || { \
	  echo "Installing an RTSP server, a virtual screen and a browser for the tests, where that can be done …"; \
	  sudo=$$(test $$(id -u) = 0 || echo "sudo -n"); \
	  command -v apt-get >/dev/null && { $$sudo apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -q -y --no-install-recommends $(PACKAGES); \
	  } >/dev/null 2>&1 || true; }
	@touch $@

# pycuda, compiled against NVIDIA's headers, on a CUDA driver of our own; those tests skip where that cannot be had.
.venv/cuda.stamp: .venv/dev.stamp tests/cuda/install.py tests/cuda/build_wheel.py $(wildcard tests/cuda/emulator/driver/*)
	@echo "Installing pycuda and CUDA's compilers for the tests on an emulated GPU (a minute or two) …"
	@$(BIN)/python -m tests.cuda.install
	@touch $@
