"""`genrec serve` when it cannot: one clear line, and no process."""

import shutil
import signal
import socket
import subprocess

import pytest
from made_city import failed

from genrec.llm.vllm import plan as serving
from genrec.llm.vllm.process import REAPER


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken(genrec, tiny_folder, taken):
    failed(genrec("serve", "--model", tiny_folder, "--port", taken), "cannot serve", "in use", "Name another --port")


def test_no_model_and_no_adapter(genrec, tiny_folder, tmp_path):
    failed(genrec("serve", "--model", tmp_path), "not a model folder")
    failed(genrec("serve", "--model", tiny_folder, "--adapter", tmp_path), "not a LoRA adapter's folder")


def test_without_vllm(genrec, tiny_folder, monkeypatch):
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    failed(genrec("serve", "--model", tiny_folder), "pip install 'genrec[vllm")


def test_with_packages_that_break_it(genrec, tiny_folder, monkeypatch):
    monkeypatch.setattr(serving, "find_spec", lambda name: name != "torchaudio" or None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    failed(genrec("serve", "--model", tiny_folder), "pip uninstall -y torchvision torchaudio torchcodec")


@pytest.mark.slow
def test_weights_that_vllm_cannot_read(genrec, tiny_folder, tmp_path):
    model = tmp_path / "broken"
    shutil.copytree(tiny_folder, model)
    (model / "model.safetensors").write_bytes(b"\0" * 1000)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code, out, err = genrec("serve", "--model", model, "--port", port)
    assert (code, out) == (2, "")
    line = next(line for line in err.splitlines() if line.startswith("error: "))
    assert "vLLM did not start: " in line
    assert f"serve-{port}.log" in line


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
