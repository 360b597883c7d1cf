"""`genrec vllm` when it cannot: one clear line, and no process."""

import os
import shutil
import signal
import socket
import subprocess

import pytest
from made_city import failed
from safetensors.torch import load_file, save_file

from genrec.errors import GenRecError
from genrec.llm.vllm import plan as serving
from genrec.llm.vllm.process import REAPER, running


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken(genrec, tiny_folder, taken):
    failed(genrec("vllm", "--model", tiny_folder, "--port", taken), "cannot serve", "in use", "Name another --port")


def test_the_old_name_says_so(genrec, tmp_path):
    said = genrec("serve", "--model", tmp_path)
    failed(said, "not a model folder")
    assert said[2].startswith("note: `genrec serve` is called `genrec vllm` now\n")


def test_no_model_and_no_adapter(genrec, tiny_folder, tmp_path):
    failed(genrec("vllm", "--model", tmp_path), "not a model folder")
    failed(genrec("vllm", "--model", tiny_folder, "--adapter", tmp_path), "not a LoRA adapter's folder")


def test_without_vllm(genrec, tiny_folder, monkeypatch):
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    failed(genrec("vllm", "--model", tiny_folder), "pip install 'genrec[vllm")


def test_with_packages_that_break_it(genrec, tiny_folder, monkeypatch):
    monkeypatch.setattr(serving, "find_spec", lambda name: name != "torchaudio" or None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    failed(genrec("vllm", "--model", tiny_folder), "pip uninstall -y torchvision torchaudio torchcodec")


# Stands for a vLLM whose log holds no word that GenRec looks for.
SILENT = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200 if self.path == "/health" and time.monotonic() > ready else 503)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200 if time.monotonic() > ready else 503)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

ready = time.monotonic() + 1
if sys.argv[2] == "dies":
    sys.exit("NoMemoryError: too little")
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def silent(tmp_path, monkeypatch):
    package = tmp_path / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for folder in (package, *package.parents[:2]):
        (folder / "__init__.py").touch()
    (package / "api_server.py").write_text(SILENT)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # where nobody listens
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "cache"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def start(way):
        environment = dict(os.environ) | {"PYTHONPATH": str(tmp_path)}
        return running(serving.Plan([str(port), way], environment, "127.0.0.1", port, "model"))

    return start


@pytest.mark.slow
def test_a_server_is_ready_when_it_says_so_whatever_its_log_holds(silent):
    with silent("serves") as server:
        assert list(server.seconds) == ["process", "first token"]
    assert server.process.poll() is not None


def test_a_server_that_dies_is_not_waited_for(silent):
    with pytest.raises(GenRecError, match="vLLM did not start: NoMemoryError: too little"), silent("dies"):
        pass


@pytest.mark.slow
def test_weights_that_vllm_cannot_read(genrec, tiny_folder, tmp_path):
    model = tmp_path / "broken"
    shutil.copytree(tiny_folder, model)
    weights = load_file(model / "model.safetensors")
    weights["model.layers.0.nonsense.weight"] = weights.pop(min(weights))
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code, out, err = genrec("vllm", "--model", model, "--port", port)
    assert (code, out) == (2, "")
    line = next(line for line in err.splitlines() if line.startswith("error: "))
    assert "vLLM did not start: " in line
    assert f"serve-{port}.log" in line


@pytest.mark.slow
def test_what_ignores_a_polite_end_is_killed_when_its_owner_is_gone():
    stubborn = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; sleep 60"], stdout=subprocess.PIPE, start_new_session=True
    )
    stubborn.stdout.readline()  # it is deaf now
    reaper = subprocess.Popen(
        ["sh", "-c", REAPER, "sh", str(stubborn.pid), "1"], stdin=subprocess.PIPE, start_new_session=True
    )
    assert stubborn.poll() is None
    reaper.stdin.close()  # as the kernel does when the owner is killed
    assert stubborn.wait(timeout=30) == -signal.SIGKILL
    reaper.wait(timeout=30)
