"""Chat completions through OpenAI's SDK, at OpenAI or any server that speaks its API.

Answers are streamed, so that silence ends a question and not its length.
"""

import json
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeVar

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.responses import (
    FunctionToolParam,
    ResponseCompletedEvent,
    ResponseErrorEvent,
    ResponseFailedEvent,
    ResponseIncompleteEvent,
    ResponseStreamEvent,
)

from agent.llm.address import place_of, without_query
from agent.llm.begun import Begun
from agent.llm.chat_answer import ONLY_THOUGHT, Answer
from agent.llm.clients import MISSHAPEN, BoundedClient, making_client
from agent.llm.conversation import as_text, chat_messages, response_items
from agent.llm.effort import STRETCH, Effort
from agent.llm.events import values_in
from agent.llm.faults import failed, fault_of
from agent.llm.listing import Listed, listed_in
from agent.llm.model import AS_JSON, DECLINED, UNREAD, LooksBy, Reply, Request, Tool
from agent.llm.openai_reply import (
    answer_in,
    only_answer,
    reply_of,
    response_reply,
    take,
)
from agent.llm.patience import Patience, Transient, persist
from agent.llm.pricing import OPENAI, cost_of
from agent.llm.refusals import Refusal, all_headers, reason_in, refusal_inside
from agent.llm.ways import Limit, Ways, chat_arguments

T = TypeVar("T")
PROVIDER = "OpenAI"
PROVIDER_ADDRESS = "api.openai.com"
API_VERSION = "api-version"
"""What only addresses of Azure ask for; they know a key by another header."""
TOKEN = "eyJ"
"""How a token begins that stands for a user; Azure takes it as everybody does."""
LEAST_READ = 0.3
"""A server that counts a smaller share of the estimated tokens did not read the whole question."""


class OpenAI:
    """One model by its `name`, at `base_url` or at OpenAI."""

    origin: Literal["llm"] = "llm"
    looks: LooksBy = "calls"

    def __init__(
        self,
        name: str,
        key: str,
        patience: Patience,
        base_url: str | None = None,
        effort: Effort | None = None,
    ) -> None:
        self.name = name
        self._url = base_url
        self._api = OpenAIApi(key, patience, base_url)
        # OpenAI's newer models refuse max_tokens; servers that imitate it often know nothing else.
        limit: Limit = "max_tokens" if base_url else "max_completion_tokens"
        self._ways = Ways(limit, effort=effort, stretch=STRETCH[effort])
        self._tell = patience.tell
        self._answered = False

    def estimate(self, request: Request) -> float | None:
        """See Model."""
        return cost_of(
            self.name,
            OPENAI,
            fresh=request.tokens,
            output=self._ways.tokens(request.max_output_tokens),
            url=self._url,
        )

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        began = time.monotonic()
        begun = Begun()
        with begun.told():
            reply = self._api.ask(lambda client: self._ask(client, request, begun))
        if not self._answered:
            self._answered = True
            self._tell_what_was_lost(request, reply)
        if self._url and self._ways.form == "tools" and _ignores_the_tool(reply):
            # The server took the tool, the model did not call it: the server must enforce the form.
            self._ways.form = "schema"
        if reply.cut_off and _is_silent(reply):
            self._ways.spent_on_thoughts()
        return reply.model_copy(update={"seconds": time.monotonic() - began})

    def _tell_what_was_lost(self, request: Request, reply: Reply) -> None:
        """Warn if a server read far less than the question: some cut off the beginning.

        Only the first question is checked: some servers do not count what they cached of later
        ones.
        """
        if self._url and 0 < reply.input_tokens < request.tokens * LEAST_READ:
            self._tell(
                f"{self._api.who} read {reply.input_tokens} of about {request.tokens} tokens: where"
                " its context is shorter, the beginning of each question is lost; start it with a "
                "longer one (Ollama: OLLAMA_CONTEXT_LENGTH)"
            )

    async def _ask(self, client: AsyncOpenAI, request: Request, begun: Begun) -> Reply:
        """Ask in the best way that the server accepts, and remember it.

        Another writer may have had the same refusal meanwhile.
        """
        ask = {"chat": self._chat, "responses": self._respond}
        while True:
            asked = replace(self._ways)
            try:
                return await ask[self._ways.api](client, request, begun)
            except openai.APIStatusError as error:
                reason = reason_in(error.response.text)
                headers = all_headers(error.response.headers, error.body)
                refusal = Refusal(error.status_code, reason, headers, error.body)
            except openai.APIError as error:
                # The SDK raises what a stream says after a good beginning.
                if isinstance(error, openai.APIConnectionError) or not error.body:
                    raise
                refusal = refusal_inside(error.body)
            except Refusal as inside:
                refusal = inside
            answer = answer_in(refusal, self.name, request)
            if answer is not None:
                return answer
            if self._ways == asked and not self._ways.learn(refusal, request.max_output_tokens):
                raise refusal

    async def _chat(self, client: AsyncOpenAI, request: Request, begun: Begun) -> Reply:
        create = client.chat.completions.with_streaming_response.create
        async with create(**self._chat_arguments(request)) as response:
            answer = Answer(tool=only_answer(request))
            with begun.kept(lambda: reply_of(answer, self.name, request, self._url)):
                async for data in values_in(response.iter_bytes()):
                    take(answer, data)
        if not (answer.choices or (answer.is_answer and answer.ended)):
            raise Transient(f"{self._api.who}'s answer is not a chat completion", astray=True)
        if answer.broke_off:
            raise Transient(f"{self._api.who}'s answer broke off")
        return reply_of(answer, self.name, request, self._url)

    def _chat_arguments(self, request: Request) -> dict[str, Any]:
        tool = request.tool
        system = request.system
        question = list(request.blocks)
        turns = chat_messages(request, self._ways.thoughts)
        if self._ways.form != "tools":
            system += f"\n\n{AS_JSON.format(name=tool.name)}\n{json.dumps(tool.parameters)}"
            question += as_text(request)
            turns = []
        return {
            "model": self.name,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": "\n\n".join(question)},
                *turns,
            ],
            self._ways.limit: self._ways.tokens(request.max_output_tokens),
            **chat_arguments(self._ways, *(tool.model_dump() for tool in _offered(request))),
        }

    async def _respond(self, client: AsyncOpenAI, request: Request, begun: Begun) -> Reply:
        """Ask by the Responses API, which some models require for tools."""
        tools = [
            FunctionToolParam(
                type="function",
                strict=False,
                name=tool.name,
                description=tool.description,
                parameters=tool.parameters,
            )
            for tool in _offered(request)
        ]
        keeps_thoughts = self._ways.thoughts and bool(request.tools)
        events = await client.responses.create(
            model=self.name,
            instructions=request.system,
            input=response_items(request, self._ways.thoughts),
            include=["reasoning.encrypted_content"] if keeps_thoughts else openai.omit,
            tools=tools,
            tool_choice="required",
            max_output_tokens=self._ways.tokens(request.max_output_tokens),
            reasoning={"effort": self._ways.effort} if self._ways.effort else openai.omit,
            store=False,
            stream=True,
        )
        try:
            with begun.kept(lambda: Reply(model=self.name)):
                response = await self._ended(events)
        except MISSHAPEN as error:
            raise Transient(f"{self._api.who}'s answer is not a response", astray=True) from error
        return response_reply(response, self.name, request, self._url)

    async def _ended(self, events: AsyncStream[ResponseStreamEvent]) -> dict[str, Any]:
        """Return the response at the end of its events; raise Refusal for a failed one."""
        async for event in events:
            if isinstance(event, ResponseCompletedEvent | ResponseIncompleteEvent):
                return event.response.to_dict(warnings=False)
            if isinstance(event, ResponseFailedEvent | ResponseErrorEvent):
                raise refusal_inside(_error_of(event.to_dict(warnings=False)))
        raise Transient(f"{self._api.who}'s answer broke off")


def _error_of(event: Mapping[str, Any]) -> Any:
    """Return the error in an event of the Responses API: a failure or an error."""
    response = event.get("response")
    return response.get("error") if isinstance(response, dict) else event


def _offered(request: Request) -> tuple[Tool, ...]:
    """Return the tools of a question; only one if it must be called: all servers support that."""
    return (request.tool,) if request.only else (request.tool, *request.tools)


def _is_silent(reply: Reply) -> bool:
    """Return whether an answer has thoughts and neither text nor a call."""
    return reply.text in ("", ONLY_THOUGHT) and reply.arguments is None and not reply.calls


def _ignores_the_tool(reply: Reply) -> bool:
    """Return whether the model wrote prose instead of calling; a cut-off answer may be a call."""
    if reply.arguments is not None or reply.calls:
        return False
    if reply.text.startswith((ONLY_THOUGHT, DECLINED, UNREAD)):
        return False
    return not (reply.cut_off and (reply.text.strip() or "{").startswith(("{", "<", "[")))


async def _as_azure(request: httpx2.Request) -> None:
    """Hand the key over as Azure's addresses with a version want it; a redirect has it already."""
    bearer = request.headers.pop("Authorization", None)
    if bearer is not None:
        request.headers["api-key"] = bearer.removeprefix("Bearer ")


class _Client(BoundedClient, openai.DefaultAsyncHttpxClient):
    """The SDK's own HTTP client, bounded."""


class OpenAIApi:
    """Calls the API with a key; each call has a fresh client, which is closed when it ends."""

    def __init__(self, key: str, patience: Patience, base_url: str | None = None) -> None:
        self._key = key
        self._patience = patience
        self._base_url = base_url
        self.who = place_of(base_url) if base_url else PROVIDER
        """The name of the server for messages: OpenAI, or another server's address."""

    def ask(self, call: Callable[[AsyncOpenAI], Coroutine[Any, Any, T]]) -> T:
        """Return `await call(client)`, with retries.

        The SDK's exceptions become those of Model.
        """

        async def once() -> T:
            try:
                async with self._client() as client:
                    return await call(client)
            except openai.APIStatusError as error:
                reason = reason_in(error.response.text)
                headers = all_headers(error.response.headers, error.body)
                raise self._fault(error.status_code, reason, headers) from None
            except Refusal as refusal:
                raise self._fault(refusal.status, refusal.reason, refusal.headers) from None
            except (openai.APIError, httpx2.HTTPError, ValueError, RecursionError) as error:
                # No connection, or the body is not the API's JSON.
                who = self.who if self._base_url else PROVIDER_ADDRESS
                raise failed(PROVIDER, who, error, self._patience, self._key) from None

        return persist(self.who, once, self._patience)

    def _fault(self, status: int, reason: str, headers: Mapping[str, str]) -> Exception:
        return fault_of(status, reason, headers, PROVIDER, self._key, self.who)

    def models(self) -> list[Listed]:
        """Return all models that this key or server offers, in its order."""

        async def models(client: AsyncOpenAI) -> list[Listed]:
            answer = await client.models.with_raw_response.list()
            return listed_in(answer.text)

        return self.ask(models)

    def _client(self) -> AsyncOpenAI:
        address, query = without_query(self._base_url) if self._base_url else (None, {})
        is_azure = API_VERSION in query and not self._key.startswith(TOKEN)
        hooks = {"request": [_as_azure]} if is_azure else {}
        with making_client(PROVIDER):
            http = _Client(event_hooks=hooks)
        silence = openai.Timeout(self._patience.silence, connect=self._patience.connecting)
        return AsyncOpenAI(
            api_key=self._key,
            base_url=address,
            default_query=query,
            max_retries=0,
            timeout=silence,
            http_client=http,
        )
