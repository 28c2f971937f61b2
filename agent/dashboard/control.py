"""The dashboard's controls, with `--control` only: the inputs that a browser may send."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.dashboard.pressed import ASKED_AGAIN, DECISIONS, Form, ask_of, decide
from agent.dashboard.session import Sessions, from_elsewhere
from agent.dashboard.watch import Watch
from agent.errors import Fault, UsageFault
from agent.git.home import checked
from agent.history.homes import Run, find_run, homes, runs_of
from agent.project.find import Project
from agent.records.inputs import Ask, is_input_id, words_of
from agent.run.inbox import NotSent, answer_of, new_input, send, wait_for_answer

MAX_BODY = 64 * 1024
MAX_FIELDS = 20
FORM = "application/x-www-form-urlencoded"
ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """The result of pressing a control."""

    title: str
    """The input in one line."""
    state: str
    """accepted, refused, or waiting."""
    why: str
    again: bool = False
    """The run has not answered yet: the page is loaded again."""


@dataclass(frozen=True)
class Question:
    """A pressed control that has to be confirmed."""

    action: str
    title: str
    form: Form


Page = Callable[[Request, str, Outcome | Question], Response]
"""Renders an outcome or a question about the run with this tag."""


class Control:
    """The routes behind the controls of one repository."""

    def __init__(self, project: Project, watch: Watch, token: str, sender: str) -> None:
        """sender: recorded as the sender of the inputs."""
        self._project = project
        self._watch = watch
        self._sender = sender
        self.sessions = Sessions(token)

    def routes(self, page: Page) -> list[BaseRoute]:
        """Return the routes; `page` renders their outcomes and questions."""
        return [
            Route("/control/login", self._login, methods=["POST"]),
            Route("/control/logout", self._logout, methods=["POST"]),
            Route("/run/{tag}/control/{action}", partial(self._press, page=page), methods=["POST"]),
            Route("/run/{tag}/said/{id}", partial(self._said, page=page)),
        ]

    # ------------------------------------------------------------ signing in and out

    async def _login(self, request: Request) -> Response:
        form = await _form(request)
        if form is None or from_elsewhere(request):
            return _no("only a form of this dashboard may ask for that")
        answer = RedirectResponse(_page_of(form.get("run", "")), 303)
        if not self.sessions.begin(request, form.get("token", ""), answer):
            return _no("not the token that `autoresearch dashboard --control` printed")
        return answer

    async def _logout(self, request: Request) -> Response:
        form = await _form(request)
        refusal = "not a form" if form is None else self.sessions.refusal(request, form)
        if form is None or refusal:
            return _no(refusal)
        answer = RedirectResponse(_page_of(form.get("run", "")), 303)
        self.sessions.end(request, answer)
        return answer

    # ------------------------------------------------------------ pressing

    async def _press(self, request: Request, page: Page) -> Response:
        form = await _form(request)
        refusal = "not a form" if form is None else self.sessions.refusal(request, form)
        if form is None or refusal:
            return _no(refusal)
        tag = checked(request.path_params["tag"])
        action = request.path_params["action"]
        try:
            step = await run_sync(self._do, tag, action, form)
        except Fault as fault:
            following = f" Next: {fault.next_command}" if fault.next_command else ""
            step = Outcome(action, "refused", f"{fault.message}{following}")
        if isinstance(step, str):
            return RedirectResponse(f"/run/{tag}/said/{step}", 303)
        return await run_sync(page, request, tag, step)

    def _do(self, tag: str, action: str, form: Form) -> Outcome | Question | str:
        """Carry out a form. Return the id of the input that was sent, or the page's content."""
        sure = form.get("sure") == "1"
        if action in DECISIONS:
            title = f"{action} #{form.get('number', '')}"
            if not sure:
                return Question(action, title, form)
            well, answer = decide(action, form, tag, Path(self._project.root) / self._project.base)
            return Outcome(title, "accepted" if well else "refused", answer)
        ask = ask_of(action, form, self._watch.history(tag))
        if action in ASKED_AGAIN and not sure:
            return Question(action, words_of(ask), form)
        return self._send(tag, ask)

    def _send(self, tag: str, ask: Ask) -> str:
        run = self._home(tag)
        asked = new_input(ask, self._sender)
        sent = send(run.home, tag, asked)
        if isinstance(sent, NotSent):
            raise UsageFault(sent.reason, sent.next_command)
        wait_for_answer(run.home, tag, asked.id, ANSWER_SECONDS)
        return asked.id

    def _said(self, request: Request, page: Page) -> Response:
        """Return the page of one input: its answer, or that it waits."""
        tag = checked(request.path_params["tag"])
        id = request.path_params["id"]
        if not is_input_id(id):
            raise UsageFault(f"not an input: {id[:80]!r}")
        run = self._home(tag)
        answer = answer_of(run.home, tag, id)
        if answer is not None:
            state = "accepted" if answer.accepted else "refused"
            return page(request, tag, Outcome(words_of(answer.input.ask), state, answer.why))
        working = run.summary.pid is not None
        later = f"it is read by `autoresearch resume {tag}`"
        why = "the run reads it in a moment" if working else later
        return page(request, tag, Outcome(f"input {id}", "waiting", why, again=working))

    def _home(self, tag: str) -> Run:
        return find_run(runs_of(homes(Path(self._project.root))), tag)


async def _form(request: Request) -> Form | None:
    """Return the fields of a form, or None for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        return None
    return dict(pairs)


def _page_of(tag: str) -> str:
    """Return the path of a run's page; the path of all runs if `tag` is invalid."""
    try:
        return f"/run/{checked(tag)}"
    except UsageFault:
        return "/"


def _no(why: str) -> Response:
    return PlainTextResponse(f"{why}\n", 403)
