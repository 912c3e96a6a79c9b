"""A language model behind any OpenAI-compatible `/chat/completions` endpoint, streamed with httpx.

The I/O lives here: connecting, timeouts, retries, what to leave out for a server that refuses it, and errors in plain
words. What is sent is made in `chat_messages`, what comes back is read in `chat_stream`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final

import httpx

from antiphon.engine.endpoints import base_url, is_loopback, place
from antiphon.engine.llm.chat_messages import offered_tools, request_body
from antiphon.engine.llm.chat_settings import ChatSettings
from antiphon.engine.llm.chat_stream import AnswerAssembler, EventStreamReader
from antiphon.engine.llm.models import choose_model, model_names, same_model
from antiphon.engine.llm.refusals import explain_refusal, names_the_model, refused_field, unknown_model, unreachable
from antiphon.engine.stages import (
    ImageContent,
    ModelEvent,
    ModelMessage,
    ModelRequest,
    ModelTool,
    StageDescription,
    StageOptions,
)
from antiphon.errors import ConfigurationError, StageError

logger = logging.getLogger(__name__)

_LONGEST_BODY: Final = 4 * 1024 * 1024
_BUSY: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_REPLACEABLE: Final = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


def open_model(options: StageOptions, *, transport: httpx.AsyncBaseTransport | None = None) -> ChatModel:
    """The factory of the `openai` provider. `options.url` is the base URL, such as "http://127.0.0.1:11434/v1".

    transport: only for tests without a socket. Raises ConfigurationError when the URL is missing or unusable.
    """
    if not options.url:
        raise ConfigurationError("a language model by URL needs the URL: --llm http://HOST:PORT/v1")
    return ChatModel(
        base_url(options.url, "--llm"),
        model=options.model,
        api_key=options.api_key,
        settings=ChatSettings.from_extra(options.extra),
        transport=transport,
    )


class ChatModel:
    """One remote model, for all sessions. Holds the HTTP connections, and what this server turned out to refuse."""

    def __init__(
        self,
        base_url: httpx.URL,
        *,
        model: str | None,
        api_key: str | None,
        settings: ChatSettings,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = base_url
        self._model = model
        self._settings = settings
        self._place = place(base_url)
        hosted = base_url.host.endswith(("openai.com", "azure.com"))
        self._limit_field = "max_completion_tokens" if hosted else "max_tokens"
        self._left_out: set[str] = set()
        self._trouble: str | None = None
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(30.0, connect=settings.connect_timeout, read=None),  # reads: see _next_piece
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=8),
            transport=transport,
            trust_env=not is_loopback(base_url),
        )

    def describe(self) -> StageDescription:
        summary = "an OpenAI-compatible model on another server, streamed, with tools, and images if the model sees"
        if "tools" in self._left_out:
            summary = "an OpenAI-compatible model on another server, streamed; this model cannot call tools"
        improve = None
        if self._trouble is not None:
            summary = f"not answering at the moment: {self._trouble}"
            improve = "Each response tries again, so nothing needs a restart here."
        name = f"{self._model or 'a model'} at {self._place}"
        return StageDescription(name=name, summary=summary, improve=improve, embedded=False)

    async def start(self) -> None:
        """Look whether the server and the model are there. Never fails: a model server may be started later.

        What is wrong is logged, told by `describe`, and tried anew with every response.
        """
        try:
            names = await self._available()
        except StageError as error:
            self._trouble = str(error)
        else:
            self._trouble = None
            if self._model is None:
                self._model = choose_model(names)
                if self._model is None:
                    self._trouble = f"The server at {self._place} has no chat model loaded."
            elif names and not any(same_model(self._model, name) for name in names):
                self._trouble = self._unknown_model(names)
        if self._trouble is not None:
            logger.warning("language model: %s", self._trouble)

    async def aclose(self) -> None:
        await self._client.aclose()

    def hints(self, tools: Sequence[ModelTool]) -> Sequence[str]:
        """None: nobody can tell beforehand what is said to a general model."""
        return ()

    async def respond(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer; see `LanguageModel.respond`."""
        if self._model is None:
            self._model = choose_model(await self._available())
            if self._model is None:
                raise StageError(
                    f"The server at {self._place} has no chat model; load one, or name it with --llm-model."
                )
        async with AsyncExitStack() as stack:
            response = await self._begin(stack, request)
            names = [tool.name for tool in offered_tools(request)]
            assembler = AnswerAssembler(names, single_call=not request.parallel_tool_calls)
            if "json" in response.headers.get("content-type", ""):
                # The server ignored `stream`: the answer comes whole.
                events = assembler.feed(_parsed((await self._read_whole(response)).decode("utf-8", "replace")))
                for event in events:
                    yield event
            else:
                async with aclosing(self._streamed(response, assembler)) as streamed:
                    async for event in streamed:
                        yield event
            self._trouble = None
            for event in assembler.end():
                yield event

    async def _streamed(self, response: httpx.Response, assembler: AnswerAssembler) -> AsyncGenerator[ModelEvent, None]:
        reader = EventStreamReader()
        pieces = response.aiter_bytes()
        # Time waited is counted from event to event, so that keep-alive comments do not hide a model that hangs; the
        # time the listener takes to fetch the next event is not the server's.
        patience, waited = self._settings.first_token_timeout, 0.0
        clock = asyncio.get_running_loop().time
        done = False
        while not done:
            asked_at = clock()
            piece = await self._next_piece(pieces, asked_at + patience - waited)
            waited += clock() - asked_at
            for data in reader.end() if piece is None else reader.feed(piece):
                if data.strip() == "[DONE]":
                    done = True
                    break
                for event in assembler.feed(_parsed(data)):
                    yield event
                patience, waited = self._settings.token_timeout, 0.0
            if piece is None:
                if not done and not assembler.finished:
                    raise StageError(
                        f"The connection to the language model at {self._place} broke in the middle of an answer."
                    )
                done = True

    async def _next_piece(self, pieces: AsyncIterator[bytes], deadline: float) -> bytes | None:
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(pieces, None)
        except TimeoutError:
            raise StageError(f"The language model at {self._place} stopped answering.") from None
        except httpx.HTTPError:
            raise StageError(
                f"The connection to the language model at {self._place} broke in the middle of an answer."
            ) from None

    async def _begin(self, stack: AsyncExitStack, request: ModelRequest) -> httpx.Response:
        """Send the request until a server accepts it. The response belongs to `stack`."""
        attempts = 0
        while True:
            body = self._body(request)
            # Not httpx' own encoder: it fails on the lone surrogates that a caller's JSON may hold.
            data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            try:
                async with asyncio.timeout(self._settings.first_token_timeout):
                    context = self._client.stream("POST", self._endpoint("chat/completions"), content=data)
                    response = await stack.enter_async_context(context)
            except (
                httpx.ConnectError,
                httpx.ConnectTimeout,
                httpx.RemoteProtocolError,
                httpx.ReadError,
                httpx.WriteError,
            ):
                if attempts < self._settings.retries:
                    attempts += 1
                    await asyncio.sleep(self._settings.retry_delay * attempts)
                    continue
                raise StageError(self._unreachable()) from None
            except (TimeoutError, httpx.TimeoutException):
                raise StageError(
                    f"The language model at {self._place} did not begin to answer within "
                    f"{self._settings.first_token_timeout:g} seconds."
                ) from None
            except httpx.HTTPError as error:
                raise StageError(
                    f"The request to the language model at {self._place} failed ({type(error).__name__})."
                ) from None
            if response.is_success:
                return response
            refusal = await self._refusal(response)
            await stack.aclose()
            if response.status_code in (400, 422, 500, 501) and self._adapt(refusal, body):
                continue
            if response.status_code in _BUSY and attempts < self._settings.retries:
                attempts += 1
                await asyncio.sleep(_retry_after(response, self._settings.retry_delay * attempts))
                continue
            raise StageError(await self._explain(response.status_code, refusal, request))

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body = request_body(request, self._model or "")
        body["stream_options"] = {"include_usage": True}
        if request.max_output_tokens is not None:
            body[self._limit_field] = request.max_output_tokens
        if self._settings.temperature is not None:
            body["temperature"] = self._settings.temperature
        left_out = set(self._left_out)
        if "tools" in left_out:
            if request.tool_choice == "required" or isinstance(request.tool_choice, tuple):
                left_out.remove("tools")  # the answer is meant to be a call: without tools it would be a lie
            else:
                left_out |= {"tool_choice", "parallel_tool_calls"}
        for field in left_out:
            body.pop(field, None)
        return body

    def _adapt(self, refusal: str, body: Mapping[str, Any]) -> bool:
        """Remember a field that this server refuses. True when the request is worth sending again without it."""
        refused = refused_field(refusal, body)
        if refused is None or refused in self._left_out:
            return False  # a forced call keeps its tools in the body: asking again would ask for ever
        self._left_out.add(refused)
        if refused in _REPLACEABLE:
            self._limit_field = _REPLACEABLE[refused]
            return self._limit_field not in self._left_out  # without any limit it would be another request
        logger.warning("%s at %s refuses %r; it is left out from now on", self._model, self._place, refused)
        return True

    async def _explain(self, status: int, refusal: str, request: ModelRequest) -> str:
        if names_the_model(status, refusal):
            try:
                return self._unknown_model(await self._available())
            except StageError:
                return self._unknown_model(())
        return explain_refusal(
            status,
            refusal,
            place=self._place,
            path=self._base_url.path,
            model=str(self._model),
            with_image=_has_image(request),
        )

    def _unknown_model(self, names: Sequence[str]) -> str:
        return unknown_model(self._place, str(self._model), names)

    def _unreachable(self) -> str:
        return unreachable(self._place, self._base_url.port)

    async def _available(self) -> list[str]:
        """The names of the server's models; [] when it does not list them. Raises StageError when it is not there."""
        try:
            async with asyncio.timeout(self._settings.connect_timeout + 5.0):
                async with self._client.stream("GET", self._endpoint("models")) as response:
                    if response.status_code in (401, 403):
                        raise StageError(
                            await self._explain(response.status_code, "", ModelRequest(instructions="", items=()))
                        )
                    if not response.is_success:
                        return []
                    return model_names(json.loads(await self._read_whole(response)))
        except (ValueError, RecursionError):
            return []
        except (TimeoutError, httpx.HTTPError):
            raise StageError(self._unreachable()) from None

    async def _read_whole(self, response: httpx.Response) -> bytes:
        body = bytearray()
        deadline = asyncio.get_running_loop().time() + self._settings.first_token_timeout
        pieces = response.aiter_bytes()
        while (piece := await self._next_piece(pieces, deadline)) is not None:
            body += piece
            if len(body) > _LONGEST_BODY:
                raise StageError(f"The language model's server at {self._place} sent an endless answer.")
        return bytes(body)

    async def _refusal(self, response: httpx.Response) -> str:
        """The text of an error response, to find out what was refused. Never shown or logged: it may hold the key."""
        try:
            async with asyncio.timeout(5.0):
                return (await self._read_whole(response)).decode("utf-8", "replace")[:20_000]
        except (StageError, TimeoutError):
            return ""

    def _endpoint(self, path: str) -> httpx.URL:
        return self._base_url.copy_with(path=f"{self._base_url.path}/{path}")


def _has_image(request: ModelRequest) -> bool:
    messages = (item for item in request.items if isinstance(item, ModelMessage))
    return any(isinstance(part, ImageContent) for message in messages for part in message.content)


def _retry_after(response: httpx.Response, otherwise: float) -> float:
    try:
        asked = float(response.headers.get("retry-after", ""))
    except ValueError:
        return otherwise
    return min(max(asked, 0.0), 2.0)  # a caller waits in silence: longer is an error, not a wait


def _parsed(data: str) -> Mapping[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise StageError("The language model's server sent something that is not a chat answer.") from None
    if not isinstance(chunk, dict):
        raise StageError("The language model's server sent something that is not a chat answer.")
    return chunk
