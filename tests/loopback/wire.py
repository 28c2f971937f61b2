"""What the loopback servers share: HTTP on 127.0.0.1 with scripted answers and faults."""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class ToolCall:
    """A good answer: the tool is called."""

    arguments: dict[str, Any] | str
    """A string stands for arguments that are no JSON object."""
    text: str = ""
    input_tokens: int = 1000
    cached_tokens: int = 0
    output_tokens: int = 100
    name: str = ""
    """Of the tool; the first one of the request by default."""


@dataclass(frozen=True)
class Text:
    """An answer in prose, without a tool call."""

    text: str
    cut_off: bool = False
    """It ended at the limit of tokens."""


@dataclass(frozen=True)
class Status:
    """An error answer: 401, 404, 429 (with retry-after), 500, 529 …"""

    code: int
    message: str = "an error on purpose"
    kind: str = "api_error"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    """The body, in place of the provider's form."""


@dataclass(frozen=True)
class Hang:
    """Stay silent for so long, then close."""

    seconds: float = 30.0


@dataclass(frozen=True)
class Truncated:
    """A good beginning, then the connection is closed."""

    then: float = 0.0
    """Seconds of silence before that."""
    sent: threading.Event = field(default_factory=threading.Event)
    """Set once the beginning is sent."""


@dataclass(frozen=True)
class Nonsense:
    """Status 200 with a body that is not the API's."""

    body: str = "<html>Bad gateway</html>"
    content_type: str = "application/json"


@dataclass(frozen=True)
class Events:
    """A stream of server-sent events, in each of which is one JSON value.

    Those with a type have it as their name, too.
    """

    data: tuple[Any, ...]
    seconds: float = 0.0
    """Between two events."""
    then: float = 0.0
    """Seconds of silence behind the last one."""
    sent: threading.Event = field(default_factory=threading.Event)
    """Set once the last one is sent."""


Step = ToolCall | Text | Status | Hang | Truncated | Nonsense | Events
Thinking = Callable[[dict[str, Any]], Step]
"""A step that depends on the question."""


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Loopback:
    """A server in a thread within a `with` block.

    Each question gets the next step; after the last one, status 500.
    """

    def __init__(
        self, steps: Iterable[Step | Thinking] = (), models: Iterable[dict[str, Any]] = ()
    ) -> None:
        self._steps = iter(steps)
        self.models = list(models)
        self.refuse: Status | None = None
        """The answer to every GET, in place of a list of models."""
        self.requests: list[Received] = []
        self.over = threading.Event()
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                loopback._handle(self)

            def do_POST(self) -> None:
                loopback._handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        """The value of the base URL variable."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def questions(self) -> list[Received]:
        """The requests that asked for a completion."""
        return [request for request in self.requests if request.method == "POST"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def list_models(self, path: str) -> dict[str, Any]:
        """Return the answer to GET /v1/models."""
        raise NotImplementedError

    def answer(
        self,
        request: BaseHTTPRequestHandler,
        body: dict[str, Any],
        step: ToolCall | Text | Truncated,
    ) -> None:
        """Send a completion in the provider's format."""
        raise NotImplementedError

    def error_body(self, step: Status) -> dict[str, Any]:
        """Return an error in the provider's format."""
        raise NotImplementedError

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("content-length") or 0)
        body = json.loads(request.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Received(request.command, request.path, headers, body))
        if request.command == "GET" and self.refuse:
            send_json(request, self.refuse.code, self.error_body(self.refuse), self.refuse.headers)
            return
        if request.command == "GET":
            send_json(request, 200, self.list_models(request.path))
            return
        step = next(self._steps, Status(500, "the script is over"))
        match step(body) if callable(step) else step:
            case Status() as step if step.raw:
                send(request, step.code, step.raw, "application/json", step.headers)
            case Status() as step:
                send_json(request, step.code, self.error_body(step), step.headers)
            case Hang(seconds):
                self.over.wait(seconds)
                request.close_connection = True
            case Nonsense(text, content_type):
                send(request, 200, text.encode(), content_type)
            case Events() as step:
                send_events(request, step, self.over)
            case step:
                self.answer(request, body, step)


def send_events(request: BaseHTTPRequestHandler, events: Events, over: threading.Event) -> None:
    """Send a stream of events, which ends when the connection is closed."""
    request.send_response(200)
    request.send_header("content-type", "text/event-stream")
    request.send_header("connection", "close")
    request.end_headers()
    request.close_connection = True
    for data in events.data:
        over.wait(events.seconds)
        text = data if isinstance(data, str) else json.dumps(data)
        kind = data.get("type") if isinstance(data, dict) else None
        name = f"event: {kind}\n" if kind else ""
        request.wfile.write(f"{name}data: {text}\n\n".encode())
        request.wfile.flush()
    events.sent.set()
    over.wait(events.then)


def send_json(
    request: BaseHTTPRequestHandler,
    status: int,
    body: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> None:
    """Send a complete JSON answer."""
    send(request, status, json.dumps(body).encode(), "application/json", headers)


def send(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    content_type: str,
    headers: dict[str, str] | None = None,
) -> None:
    """Send a complete answer."""
    own = {"content-type": content_type, "content-length": str(len(body))}
    request.send_response(status)
    for name, value in {**own, **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
