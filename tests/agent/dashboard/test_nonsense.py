"""Whatever is requested, the dashboard answers with a page or a refusal, and never fails."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.dashboard.guard import Guard
from agent.dashboard.server import Dashboard
from agent.dashboard.watch import Watch
from agent.history.history import History
from tests.agent.dashboard.test_dashboard import settle
from tests.agent.study import project_of, settings_of
from tests.e2e.researcher import miniature

HOST = (b"host", b"localhost:8787")
DIGITS = "9" * 5_000


@pytest.fixture(scope="module")
def guards(tmp_path_factory: pytest.TempPathFactory) -> list[Guard]:
    """Return the dashboard of a run with one trial, for loopback and behind a token."""
    project = project_of(miniature(tmp_path_factory.mktemp("nonsense") / "repo"))
    with History.create(project, settings_of(project)) as history:
        settle(history, "baseline", 1.5)
    dashboard = Dashboard(Watch(project), lambda: True)
    return [dashboard.app("127.0.0.1", None), dashboard.app("0.0.0.0", "secret")]


def ask(
    guard: Guard, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]
) -> int:
    """Return the status of the response; an exception of the application is raised here."""
    status: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8787),
    }
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(guard(scope, receive, send))
    finally:
        loop.close()
    return status[0]


@pytest.mark.parametrize(
    ("path", "query", "headers"),
    [
        (f"/run/t/trial/{DIGITS}", b"", [HOST]),
        ("/run/t/trial/-1", b"", [HOST]),
        ("/run/t/trial/1e999", b"", [HOST]),
        (f"/run/{DIGITS}", b"", [HOST]),
        ("/run/t\x00", b"", [HOST]),
        ("/run/\ud800", b"", [HOST]),
        ("/run/../../etc", b"", [HOST]),
        ("/compare", b"run=" + DIGITS.encode(), [HOST]),
        ("/compare", b"run=%00&run=%ff", [HOST]),
        ("/", b"", [(b"host", b"localhost"), (b"origin", b"http://[")]),
        ("/", b"", [(b"host", b"[::1")]),
        ("/\udcff", b"token=secret", [HOST]),
    ],
)
def test_nonsense_is_refused(
    guards: list[Guard], path: str, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    statuses = [ask(guard, "GET", path, query, headers) for guard in guards]
    assert 400 <= statuses[0] < 500
    assert 300 <= statuses[1] < 500


WORDS = st.sampled_from(
    [
        "run",
        "t",
        "trial",
        "0",
        DIGITS,
        "events",
        "compare",
        "..",
        "",
        "%00",
        "\x00",
        "\ud800",
        "٣",
        "x" * 2000,
    ]
)
PATHS = st.lists(WORDS | st.text(max_size=8), max_size=5).map(lambda words: "/" + "/".join(words))
QUERIES = st.binary(max_size=40) | st.sampled_from(
    [b"token=secret", b"run=t&run=t", b"run=%ff", b"token=%ff&token=x"]
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"host", b"origin", b"cookie", b"range"]),
        st.sampled_from([b"localhost", b"[::1]", b"autoresearch-8787=x; ;=", b"http://["])
        | st.binary(max_size=20),
    ),
    max_size=4,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "\xff", ""]),
    path=PATHS,
    query=QUERIES,
    headers=HEADERS,
)
def test_no_request_fails(
    guards: list[Guard], method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    for guard in guards:
        for more in ([], [HOST]):
            assert ask(guard, method, path, query, [*more, *headers]) < 500
