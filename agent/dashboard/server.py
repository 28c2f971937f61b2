"""The dashboard's server: a repository's runs as live pages, read-only unless asked."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable

import uvicorn
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from agent.dashboard.control import Control, Outcome, Question
from agent.dashboard.data import csv_of
from agent.dashboard.flights import flights_of
from agent.dashboard.guard import Guard, is_loopback
from agent.dashboard.listening import listener
from agent.dashboard.render import (
    Controls,
    compare_page,
    now_part,
    page,
    run_page,
    runs_page,
    trial_part,
)
from agent.dashboard.watch import LOOK_SECONDS, Watch
from agent.errors import Fault, HistoryFault
from sandbox.ground.text import printable, whole_number

# A proxy or a tunnel cuts a connection that is silent for long.
KEEP_ALIVE_SECONDS = 15.0
COMPARED = 6
WHAT = {
    "try": "It is isolated, scored and judged like any other trial.",
    "approve": "Its edits become a new trial on the newest state; the verdict on that one decides.",
    "reject": "The record says that it is not taken. Nothing else changes.",
}
"""What a control does that has to be confirmed."""


class Dashboard:
    """The pages of one repository; `stopping` tells open streams that the server is ending.

    control: the controls; None for read-only pages.
    """

    def __init__(
        self,
        watch: Watch,
        stopping: Callable[[], bool] = lambda: False,
        control: Control | None = None,
    ) -> None:
        self._watch = watch
        self._stopping = stopping
        self._control = control

    def app(self, host: str, token: str | None) -> Guard:
        """Return the ASGI application, behind its access control."""
        routes: list[BaseRoute] = [
            Route("/", self._page(self.runs)),
            Route("/compare", self._page(self.compare)),
            Route("/run/{tag}", self._page(self.run)),
            Route("/run/{tag}/trial/{number}", self.trial),
            Route("/run/{tag}/data/{name}.csv", self.data),
            Route("/run/{tag}/events", self.events),
            Route("/events", self.events),
        ]
        if self._control:
            routes += self._control.routes(self._step)
        pages = Starlette(routes=routes, exception_handlers={Fault: _not_found})
        pages.router.redirect_slashes = False
        return Guard(pages, host, token, controlled=self._control is not None)

    # ------------------------------------------------------------ pages

    def runs(self, _: Request, nonce: str) -> str:
        """Return the page of every run."""
        return runs_page([self._watch.view(tag) for tag in self._watch.tags()], nonce)

    def run(self, request: Request, nonce: str) -> str:
        """Return the page of one run."""
        tag = request.path_params["tag"]
        view = self._watch.view(tag)
        flights = flights_of(view, self._watch.curves(tag))
        return run_page(view, nonce, flights, control=self._controls(request))

    def compare(self, request: Request, nonce: str) -> str:
        """Return the page of the runs that the query names, or of all."""
        tags = list(dict.fromkeys(request.query_params.getlist("run"))) or self._watch.tags()
        return compare_page([self._watch.view(tag) for tag in tags[:COMPARED]], nonce)

    def _page(self, make: Callable[[Request, str], str]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            nonce = secrets.token_urlsafe(16)
            html = make(request, nonce).encode("utf-8", "replace")
            return HTMLResponse(html, headers={"content-security-policy": _policy(nonce)})

        return answer

    def trial(self, request: Request) -> Response:
        """Return one trial, as a part of a page."""
        typed = request.path_params["number"]
        number = whole_number(typed)
        if number is None:
            raise HistoryFault(f"not the number of a trial: {typed[:20]!r}")
        view, trial, diff, local = self._watch.trial(request.path_params["tag"], number)
        part = trial_part(view, trial, diff, local, self._controls(request))
        return HTMLResponse(part.encode("utf-8", "replace"))

    def data(self, request: Request) -> Response:
        """Return the data behind one figure, as CSV."""
        tag = request.path_params["tag"]
        view = self._watch.view(tag)
        text = csv_of(request.path_params["name"], view, flights_of(view, self._watch.curves(tag)))
        return Response(text.encode("utf-8", "replace"), media_type="text/csv; charset=utf-8")

    def _controls(self, request: Request) -> Controls | None:
        return Controls(self._control.sessions.secret(request)) if self._control else None

    def _step(self, request: Request, tag: str, step: Outcome | Question) -> Response:
        """Return the page about a control that was pressed."""
        nonce = secrets.token_urlsafe(16)
        names = {"tag": tag, "step": step, "question": isinstance(step, Question), "what": WHAT}
        html = page("outcome.html", nonce, False, control=self._controls(request), **names)
        status = 200 if isinstance(step, Question) or step.state != "refused" else 409
        policy = {"content-security-policy": _policy(nonce)}
        return HTMLResponse(html.encode("utf-8", "replace"), status, headers=policy)

    # ------------------------------------------------------------ events

    async def events(self, request: Request) -> Response:
        """Return a stream: `changed` when the ledger has changed, `now` with what is running."""
        tag = request.path_params.get("tag", "")
        if tag:
            await run_sync(self._watch.view, tag)
        version = await run_sync(self._watch.version, tag)
        return StreamingResponse(self._stream(tag, version), media_type="text/event-stream")

    async def _stream(self, tag: str, version: str) -> AsyncIterator[str]:
        shown = ""
        silent = 0.0
        yield "retry: 2000\n\n"
        while not self._stopping():
            await asyncio.sleep(LOOK_SECONDS)
            silent += LOOK_SECONDS
            newest = await run_sync(self._watch.version, tag)
            now = await run_sync(self._now, tag) if tag else ""
            if newest != version:
                yield "event: changed\ndata: 1\n\n"
            if now != shown:
                yield f"event: now\ndata: {json.dumps(now)}\n\n"
            if newest != version or now != shown:
                silent = 0.0
            elif silent >= KEEP_ALIVE_SECONDS:
                silent = 0.0
                yield ": still here\n\n"
            version = newest
            shown = now

    def _now(self, tag: str) -> str:
        view = self._watch.view(tag)
        return now_part(view, flights_of(view, self._watch.curves(tag)))


def serve(
    watch: Watch,
    host: str,
    port: int,
    say: Callable[[str], None],
    control: Control | None = None,
) -> None:
    """Serve until Ctrl-C. say: called with the address to open.

    Raise UsageFault if host and port are not available.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    with listener(host, port, "autoresearch dashboard --port 0   # any free port") as socket:
        place = f"[{host}]" if ":" in host else host
        query = f"?token={token}" if token else ""
        say(f"http://{place}:{socket.getsockname()[1]}/{query}")
        server: uvicorn.Server
        dashboard = Dashboard(watch, lambda: server.should_exit, control)
        config = uvicorn.Config(
            dashboard.app(host, token),
            log_level="critical",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        server.run(sockets=[socket])


def _policy(nonce: str) -> str:
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def _not_found(_: Request, fault: Exception) -> Response:
    return PlainTextResponse(f"{printable(str(fault))}\n", 404)
