"""Chat completions through OpenAI's SDK, at OpenAI or any server that speaks its API."""

import json
import re
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, TypeVar

import httpx2
import openai
from openai import AsyncOpenAI
from openai.types import CompletionUsage
from openai.types import Model as Listed
from openai.types.chat import ChatCompletion

from agent.llm.faults import failed, fault_of, tidy
from agent.llm.model import AS_JSON, Reply, Request
from agent.llm.patience import Patience, Transient, persist
from agent.llm.pricing import cost_of

T = TypeVar("T")
PROVIDER = "OpenAI"
PRICED_AS = "openai"
# How Ollama, vLLM, llama.cpp, LM Studio and OpenRouter say that they cannot do something.
_LACKS = re.compile(
    r"tool|function.?call|response_format|json_schema|grammar|structured|jinja", re.IGNORECASE
)
# Parts of names on the list that are not general chat models, or small or very expensive ones.
OTHER_KINDS = frozenset(
    {
        "audio",
        "chat",
        "codex",
        "embedding",
        "image",
        "instruct",
        "mini",
        "nano",
        "oss",
        "preview",
        "pro",
        "realtime",
        "search",
        "transcribe",
        "tts",
    }
)


class OpenAI:
    """One model by its `name`, at `base_url` or at OpenAI."""

    origin: Literal["llm"] = "llm"

    def __init__(
        self, name: str, key: str, patience: Patience, base_url: str | None = None
    ) -> None:
        self.name = name
        self._url = base_url
        self._api = OpenAIApi(key, patience, base_url)
        self._way: Literal["tools", "schema", "text"] = "tools"
        """How the server is asked for arguments: the best way that it knows."""

    def estimate(self, request: Request) -> float | None:
        """See Model."""
        return cost_of(
            self.name,
            PRICED_AS,
            fresh=request.tokens,
            output=request.max_output_tokens,
            url=self._url,
        )

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        began = time.monotonic()
        reply = self._api.ask(lambda client: self._ask(client, request))
        ignored_tool = self._way == "tools" and reply.arguments is None and not reply.cut_off
        if ignored_tool and self._url:
            # The server took the tool, the model did not call it: the server must enforce the form.
            self._way = "schema"
        return reply.model_copy(update={"seconds": time.monotonic() - began})

    async def _ask(self, client: AsyncOpenAI, request: Request) -> Reply:
        """Ask in the first way that the server knows, and remember it."""
        while True:
            try:
                completion = await client.chat.completions.create(**self._arguments(request))
            except (
                openai.BadRequestError,
                openai.UnprocessableEntityError,
                openai.InternalServerError,
            ) as error:
                if self._way == "text" or not _LACKS.search(error.message):
                    raise
                self._way = "schema" if self._way == "tools" else "text"
                continue
            if not _is_completion(completion):
                raise Transient(f"{PROVIDER}'s answer is not a chat completion")
            return _reply(completion, self.name, self._url)

    def _arguments(self, request: Request) -> dict[str, Any]:
        # OpenAI's newer models refuse max_tokens; servers that imitate it often know nothing else.
        limit = "max_tokens" if self._url else "max_completion_tokens"
        tool = request.tool
        system = request.system
        if self._way != "tools":
            system += f"\n\n{AS_JSON.format(name=tool.name)}\n{json.dumps(tool.parameters)}"
        arguments: dict[str, Any] = {
            "model": self.name,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": "\n\n".join(request.blocks)},
            ],
            limit: request.max_output_tokens,
        }
        if self._way == "tools":
            arguments["tools"] = [{"type": "function", "function": tool.model_dump()}]
            arguments["tool_choice"] = {"type": "function", "function": {"name": tool.name}}
        elif self._way == "schema":
            schema = {"name": tool.name, "schema": tool.parameters}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        return arguments


class OpenAIApi:
    """Calls the API with a key; each call has a fresh client, which is closed when it ends."""

    def __init__(self, key: str, patience: Patience, base_url: str | None = None) -> None:
        self._key = key
        self._patience = patience
        self._base_url = base_url

    def ask(self, call: Callable[[AsyncOpenAI], Coroutine[Any, Any, T]]) -> T:
        """Return `await call(client)`, with retries.

        The SDK's exceptions become ModelFault or ModelUnavailable.
        """

        async def once() -> T:
            client = self._client()
            try:
                async with client:
                    return await call(client)
            except openai.APIStatusError as error:
                raise fault_of(
                    error.status_code, error.message, error.response.headers, PROVIDER, self._key
                ) from None
            except (openai.APIError, httpx2.HTTPError, ValueError) as error:
                # No connection, or the body is not the API's JSON.
                address = client.base_url.netloc.decode()
                text = failed(PROVIDER, address, error, self._patience)
                raise Transient(tidy(text, self._key)) from None

        return persist(PROVIDER, once, self._patience)

    def models(self) -> list[Listed]:
        """Return all models that this key or server offers, in its order."""

        async def models(client: AsyncOpenAI) -> list[Listed]:
            return [model async for model in client.models.list()]

        return self.ask(models)

    def _client(self) -> AsyncOpenAI:
        return AsyncOpenAI(
            api_key=self._key,
            base_url=self._base_url,
            max_retries=0,
            timeout=openai.Timeout(self._patience.silence, connect=self._patience.connecting),
        )


def newest(models: Sequence[Listed]) -> str | None:
    """Return the name of the newest general gpt, if any."""
    general = [model for model in models if _is_general(model.id)]
    if not general:
        return None
    return max(general, key=lambda model: (model.created, -len(model.id), model.id)).id


def _is_general(name: str) -> bool:
    family, *parts = name.split("-")
    return family == "gpt" and bool(parts) and OTHER_KINDS.isdisjoint(parts)


def _is_completion(completion: object) -> bool:
    """Return whether a server's answer is what the SDK takes it for: it does not check."""
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        return False
    return bool(completion.choices[0].message)


def _reply(completion: ChatCompletion, asked: str, url: str | None) -> Reply:
    choice = completion.choices[0]
    calls = [
        call.function.arguments
        for call in choice.message.tool_calls or ()
        if call.type == "function"
    ]
    arguments = _object(calls[0]) if calls else None
    texts = [choice.message.content, choice.message.refusal]
    if arguments is None:
        texts += calls
    model = completion.model or asked
    usage = _usage(completion.usage, model, url) if completion.usage else {}
    return Reply(
        model=model,
        text="\n".join(text for text in texts if text),
        arguments=arguments,
        cut_off=choice.finish_reason == "length",
        **usage,
    )


def _usage(usage: CompletionUsage, model: str, url: str | None) -> dict[str, Any]:
    """Return the fields of a Reply that say what it used."""
    total = usage.prompt_tokens
    output = usage.completion_tokens
    details = usage.prompt_tokens_details
    read = (details.cached_tokens if details else None) or 0
    fresh = max(total - read, 0)
    return {
        "input_tokens": total,
        "cached_tokens": min(read, total),
        "output_tokens": output,
        "cost": cost_of(model, PRICED_AS, fresh=fresh, output=output, read=read, url=url),
    }


def _object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in `text`, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
