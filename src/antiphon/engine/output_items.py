"""How an item of a response is written to the wire: begun, continued, closed, in the protocol's order of events.

Plain functions over a run and one of its output items. A response beside the conversation (`conversation: "none"`) has
the same `response.*` events and no `conversation.item.*` events.
"""

from __future__ import annotations

from antiphon.engine.core import Core
from antiphon.engine.history import Entry
from antiphon.engine.playout import SpokenText
from antiphon.engine.responses import OutputItem, ResponseRun, replace_item
from antiphon.engine.states import ITEM, ItemState, ItemTrigger, Machine
from antiphon.protocol import (
    AudioPart,
    FunctionCall,
    Item,
    Message,
    OutputAudio,
    OutputText,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    TextPart,
)


def _begin(core: Core, run: ResponseRun, item: Item, spoken: SpokenText | None) -> OutputItem:
    entry = Entry(item, Machine("item", ITEM, ItemState.IN_PROGRESS), spoken=spoken)
    output = OutputItem(len(run.output), entry)
    run.output.append(output)
    core.send(ResponseOutputItemAdded(response_id=run.id, output_index=output.index, item=item))
    if run.plan.in_conversation:
        core.add_item(entry)
    return output


def _finish(core: Core, run: ResponseRun, output: OutputItem, trigger: ItemTrigger) -> None:
    output.entry.take(trigger)
    output.closed = True
    core.send(ResponseOutputItemDone(response_id=run.id, output_index=output.index, item=output.entry.item))
    if run.plan.in_conversation:
        core.finish_item(output.entry)


# ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────


def begin_message(core: Core, run: ResponseRun) -> OutputItem:
    speaks = run.plan.modality == "audio"
    item = Message(id=core.new_id("item"), object="realtime.item", status="in_progress", role="assistant", content=[])
    output = _begin(core, run, item, SpokenText() if speaks else None)
    core.send(
        ResponseContentPartAdded(
            response_id=run.id,
            item_id=output.entry.id,
            output_index=output.index,
            content_index=0,
            part=AudioPart(transcript="") if speaks else TextPart(text=""),
        )
    )
    return output


def continue_message(core: Core, run: ResponseRun, output: OutputItem, delta: str) -> None:
    output.text += delta
    kind: type[ResponseOutputTextDelta | ResponseOutputAudioTranscriptDelta] = ResponseOutputTextDelta
    if output.entry.spoken is not None:
        output.entry.spoken.add_text(delta)
        kind = ResponseOutputAudioTranscriptDelta
    core.send(
        kind(response_id=run.id, item_id=output.entry.id, output_index=output.index, content_index=0, delta=delta)
    )


def close_message(core: Core, run: ResponseRun, output: OutputItem, trigger: ItemTrigger) -> None:
    """The item keeps what was said; of speech that was cut, what was heard."""
    entry = output.entry
    spoken = entry.spoken
    text = output.text if spoken is None or entry.cut_at_ms is None else spoken.heard(entry.cut_at_ms)
    if spoken is None:
        replace_item(output, content=[OutputText(text=text)])
        core.send(
            ResponseOutputTextDone(
                response_id=run.id, item_id=entry.id, output_index=output.index, content_index=0, text=text
            )
        )
    else:
        replace_item(output, content=[OutputAudio(transcript=text)])
        core.send(
            ResponseOutputAudioDone(response_id=run.id, item_id=entry.id, output_index=output.index, content_index=0)
        )
        core.send(
            ResponseOutputAudioTranscriptDone(
                response_id=run.id, item_id=entry.id, output_index=output.index, content_index=0, transcript=text
            )
        )
    core.send(
        ResponseContentPartDone(
            response_id=run.id,
            item_id=entry.id,
            output_index=output.index,
            content_index=0,
            part=TextPart(text=text) if spoken is None else AudioPart(transcript=text),
        )
    )
    cut = entry.cut_at_ms is not None
    _finish(core, run, output, ItemTrigger.CUT if cut else trigger)


# ── function calls ────────────────────────────────────────────────────────────────────────────────────────────────


def begin_call(core: Core, run: ResponseRun, name: str) -> OutputItem:
    item = FunctionCall(
        id=core.new_id("item"),
        object="realtime.item",
        status="in_progress",
        call_id=core.new_id("call"),
        name=name,
        arguments="",
    )
    return _begin(core, run, item, None)


def continue_call(core: Core, run: ResponseRun, output: OutputItem, delta: str) -> None:
    if not delta:
        return
    output.text += delta
    core.send(
        ResponseFunctionCallArgumentsDelta(
            response_id=run.id,
            item_id=output.entry.id,
            output_index=output.index,
            call_id=_call(output).call_id or "",
            delta=delta,
        )
    )


def close_call(core: Core, run: ResponseRun, output: OutputItem, trigger: ItemTrigger) -> None:
    """The `.done` comes on cancel too, with the arguments as far as they were written."""
    replace_item(output, arguments=output.text)
    call = _call(output)
    core.send(
        ResponseFunctionCallArgumentsDone(
            response_id=run.id,
            item_id=output.entry.id,
            output_index=output.index,
            call_id=call.call_id or "",
            name=call.name,
            arguments=output.text,
        )
    )
    _finish(core, run, output, trigger)


def _call(output: OutputItem) -> FunctionCall:
    assert isinstance(output.entry.item, FunctionCall)
    return output.entry.item
