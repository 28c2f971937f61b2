"""What the log of a prepare.py says of why it failed."""

from pathlib import Path

from agent.project.prepare_log import lacking, wants_network
from sandbox.ground.outcome import Crashed, Finished, Usage


def test_the_words_of_libraries_that_miss_a_network(tmp_path: Path) -> None:
    crash = Crashed(usage=Usage(seconds=1.0, peak_memory_bytes=1), exit_code=1)
    log = tmp_path / "log"
    for words in (
        "<urlopen error timed out>",
        "[Errno 11001] getaddrinfo failed",
        "Temporary failure in name resolution",
        "[Errno -2] Name or service not known",
        "nodename nor servname provided, or not known",
        "OSError: [Errno 101] Network is unreachable",
        "requests.exceptions.ConnectionError: HTTPSConnectionPool",
        "httpx.ConnectError: All connection attempts failed",
        "Failed to resolve 'huggingface.co'",
        "Max retries exceeded with url: /a",
        "curl: (6) Could not resolve host: example.org",
        "Offline mode is enabled",
        "huggingface_hub.errors.LocalEntryNotFoundError",
        "socket.gaierror: [Errno -8]",
        "Address family not supported by protocol",
        "No address associated with hostname",
        '{"needs": "network"}',
    ):
        log.write_text(words)
        assert wants_network(crash, log), words
        assert not wants_network(Finished(usage=crash.usage), log)
    for words in ("KeyError: 'text'", '{"needs": "memory"}', '["network"]', ""):
        log.write_text(words)
        assert not wants_network(crash, log), words


def test_what_a_prepare_misses_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ModuleNotFoundError: No module named 'lib'\n")
    assert lacking(log, "/p") == ": it runs on /p, and sees no file that edits may touch"
    log.write_text("FileNotFoundError: [Errno 2] 'a.csv'\n")
    assert lacking(log, "/p") == ": it sees no file that edits may touch"
    log.write_text("ZeroDivisionError\n")
    assert lacking(log, "/p") == ""
