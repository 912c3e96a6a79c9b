"""Local model servers are known by what they answer. The fakes give the bodies that the real servers give."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon.engine.llm.discovery import LLAMA_CPP, LM_STUDIO, OLLAMA, VLLM, Place, find_local_server, found_server
from antiphon.engine.llm.models import choose_model, model_names, same_model
from engine.llm_strict_server import Reply, Request, running


def models(*names: str, owner: str = "") -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": owner} for name in names]}


OLLAMA_ANSWERS: dict[str, Any] = {
    "/api/version": {"version": "0.12.3"},
    "/api/tags": {"models": [{"name": "nomic-embed-text:latest"}, {"name": "llama3.2:latest"}, {"name": "qwen3:4b"}]},
    "/api/ps": {"models": [{"name": "qwen3:4b"}]},
    "/v1/models": models("nomic-embed-text:latest", "llama3.2:latest", "qwen3:4b", owner="library"),
}
LLAMA_ANSWERS: dict[str, Any] = {
    "/props": {"default_generation_settings": {}, "total_slots": 1, "build_info": "b6000"},
    "/v1/models": models("/models/qwen2.5-7b-instruct.gguf", owner="llamacpp"),
}
VLLM_ANSWERS: dict[str, Any] = {"/v1/models": models("Qwen/Qwen3-8B", owner="vllm")}
STUDIO_ANSWERS: dict[str, Any] = {
    "/v1/models": models("gemma-3-4b-it", "text-embedding-nomic", owner="organization_owner"),
    "/api/v0/models": {
        "object": "list",
        "data": [
            {"id": "text-embedding-nomic", "type": "embeddings", "state": "not-loaded", "compatibility_type": "gguf"},
            {"id": "gemma-3-4b-it", "type": "llm", "state": "not-loaded", "compatibility_type": "gguf"},
            {"id": "mistral-7b", "type": "llm", "state": "loaded", "compatibility_type": "gguf"},
        ],
    },
}
WEB_PROGRAM: dict[str, Any] = {"/": {"hello": "world"}, "/api/version": {"version": "9"}}
REALTIME_SERVER: dict[str, Any] = {
    "/v1/models": models("antiphon", "gpt-realtime", owner="antiphon"),
    "/health": {"status": "ok"},
}


def server_of(answers: dict[str, Any]) -> Any:
    async def handle(request: Request, reply: Reply) -> None:
        assert request.method == "GET"
        if request.path in answers:
            await reply.json(answers[request.path])
        else:
            await reply.json({"detail": "Not Found"}, 404)

    return running(handle)


@pytest.mark.parametrize(
    ("answers", "usual", "kind", "chosen"),
    [
        (OLLAMA_ANSWERS, OLLAMA, OLLAMA, "qwen3:4b"),
        (OLLAMA_ANSWERS, VLLM, OLLAMA, "qwen3:4b"),
        (LLAMA_ANSWERS, VLLM, LLAMA_CPP, "/models/qwen2.5-7b-instruct.gguf"),
        (VLLM_ANSWERS, LLAMA_CPP, VLLM, "Qwen/Qwen3-8B"),
        (STUDIO_ANSWERS, LM_STUDIO, LM_STUDIO, "mistral-7b"),
        ({"/v1/models": STUDIO_ANSWERS["/v1/models"]}, LM_STUDIO, LM_STUDIO, "gemma-3-4b-it"),
    ],
)
def test_servers_are_known_by_their_answers(answers: dict[str, Any], usual: str, kind: str, chosen: str) -> None:
    found = found_server(Place(4242, usual), answers)
    assert found is not None
    assert (found.kind, found.chosen, found.url) == (kind, chosen, "http://127.0.0.1:4242/v1")


@pytest.mark.parametrize(
    "answers", [{}, WEB_PROGRAM, REALTIME_SERVER, {"/v1/models": []}, {"/v1/models": {"data": "x"}}]
)
@pytest.mark.parametrize("usual", [OLLAMA, LM_STUDIO, LLAMA_CPP, VLLM])
def test_other_programs_are_not_taken_for_one(answers: dict[str, Any], usual: str) -> None:
    assert found_server(Place(8000, usual), answers) is None


def test_loaded_models_come_first_and_embedding_models_never() -> None:
    assert model_names(STUDIO_ANSWERS["/api/v0/models"]) == ["mistral-7b", "gemma-3-4b-it"]
    router = {"data": [{"id": "a", "status": {"value": "unloaded"}}, {"id": "b", "status": {"value": "loaded"}}]}
    assert model_names(router) == ["b", "a"]


@pytest.mark.parametrize("listing", [None, 3, "x", [], {}, {"data": 1}, {"data": [1, {"id": 2}, {"id": ""}]}])
def test_what_is_no_list_of_models_has_none(listing: Any) -> None:
    assert model_names(listing) == []


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["nomic-embed-text", "llama3.2"], "llama3.2"),
        (["deepseek-r1:8b", "qwen2.5:7b"], "qwen2.5:7b"),
        (["whisper-1", "tts-1", "kokoro"], None),
        (["qwen2.5-coder:7b"], "qwen2.5-coder:7b"),
        (["strange-model"], "strange-model"),
        (["strange-model", "gemma-3-4b-it"], "gemma-3-4b-it"),
        (["bge-m3", "all-minilm"], None),
        (["gpt-4o-realtime-preview", "gpt-4o"], "gpt-4o"),
        ([], None),
    ],
)
def test_a_model_that_talks_is_chosen(names: list[str], chosen: str | None) -> None:
    assert choose_model(names) == chosen


def test_the_latest_tag_may_be_left_out() -> None:
    assert same_model("llama3.2", "llama3.2:latest")
    assert not same_model("llama3.2", "llama3.2:1b")


async def test_the_first_place_with_a_usable_model_is_found_past_everything_else() -> None:
    only_embeds = {
        **OLLAMA_ANSWERS,
        "/api/tags": {"models": []},
        "/api/ps": {"models": []},
        "/v1/models": models("bge-m3"),
    }
    closed = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    closed_port = closed.sockets[0].getsockname()[1]
    closed.close()
    async with (
        server_of(only_embeds) as empty,
        server_of(WEB_PROGRAM) as web,
        server_of(REALTIME_SERVER) as realtime,
        server_of(VLLM_ANSWERS) as vllm,
    ):
        places = [
            Place(closed_port, OLLAMA),
            Place(empty, OLLAMA),
            Place(web, VLLM),
            Place(realtime, VLLM),
            Place(vllm, VLLM),
        ]
        found = await find_local_server(places, time_limit=5)
        assert found is not None
        assert (found.kind, found.url, found.chosen) == (VLLM, f"http://127.0.0.1:{vllm}/v1", "Qwen/Qwen3-8B")
        without = await find_local_server(places, time_limit=5, without_ports=[vllm])
        assert without is not None
        assert (without.kind, without.models, without.chosen) == (OLLAMA, ("bge-m3",), None)
        assert await find_local_server(places[:1] + places[2:4], time_limit=5) is None


async def test_a_program_that_never_answers_costs_no_more_than_the_time_limit() -> None:
    async def silent(request: Request, reply: Reply) -> None:
        await reply.gone.wait()

    loop = asyncio.get_running_loop()
    async with running(silent) as port:
        begun = loop.time()
        assert await find_local_server([Place(port, VLLM)], time_limit=0.2) is None
        assert loop.time() - begun < 2.0  # generous: the machine may be busy


async def test_answers_that_are_huge_or_not_json_are_no_server() -> None:
    async def strange(request: Request, reply: Reply) -> None:
        if request.path == "/v1/models":
            await reply.json(models("x" * 2_000_000, owner="vllm"))
        else:
            await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n<html>")

    async with running(strange) as port:
        assert await find_local_server([Place(port, VLLM)], time_limit=5) is None
