"""The `openai` package against the gateway."""

import openai
import pytest
from common import (
    CARRIES_ON, DEGREES, GATEWAY, KEY, PNG, SEEN, TOLD, Weather, models, tool_models, upstreams,
    weather, whole_or_streamed,
)
from openai import OpenAI
from openai_errors import errors, raises, raises_quota
from pydantic import BaseModel

client = OpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, max_retries=2)
chat = client.chat.completions


def hello(model: str, **more):
    return chat.create(
        model=model,
        messages=[
            {"role": "system", "content": "Somebody"},
            {"role": "user", "content": "Hello, you there!"},
        ],
        **more,
    )


@upstreams
def test_chat(upstream):
    answer = hello(upstream, temperature=0.5, max_completion_tokens=50)
    assert answer.choices[0].message.content == "Somebody said: Hello, you there!"
    assert answer.choices[0].finish_reason == "stop"
    usage = answer.usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@upstreams
def test_stream(upstream):
    chunks = list(hello(upstream, stream=True, stream_options={"include_usage": True}))
    deltas = [choice for chunk in chunks for choice in chunk.choices]
    pieces = [choice.delta.content for choice in deltas if choice.delta.content]
    assert len(pieces) > 1
    assert "".join(pieces) == "Somebody said: Hello, you there!"
    assert [choice.finish_reason for choice in deltas if choice.finish_reason] == ["stop"]
    assert [chunk.usage.completion_tokens > 0 for chunk in chunks if chunk.usage] == [True]


class GetWeather(BaseModel):
    """What the weather is like."""

    city: str


TOOL = openai.pydantic_function_tool(GetWeather, name="weather")


def turn(stream: bool, **request):
    """One answer of the model, by the helpers that parse it."""
    if not stream:
        return chat.parse(**request).choices[0]
    with chat.stream(**request) as events:
        return events.get_final_completion().choices[0]


@tool_models
@whole_or_streamed
def test_tools(model, stream):
    messages = [{"role": "user", "content": "What is the weather like?"}]
    request = {"model": model, "messages": messages, "tools": [TOOL]}

    choice = turn(stream, **request)
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls
    assert [call.function.name for call in calls] == ["weather", "weather"]
    arguments = [call.function.parsed_arguments for call in calls]
    assert arguments == [GetWeather(city=city) for city in DEGREES]

    messages.append(choice.message)
    for call in calls:
        result = weather(call.function.parsed_arguments.city)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    choice = turn(stream, **request)
    assert (choice.message.content, choice.finish_reason) == (TOLD, "stop")


@models
@whole_or_streamed
def test_schema(model, stream):
    messages = [{"role": "user", "content": "What is the weather like?"}]
    choice = turn(stream, model=model, messages=messages, response_format=Weather)
    assert choice.message.parsed == Weather(city="Berlin", degrees=21)
    assert choice.finish_reason == "stop"


@upstreams
def test_image(upstream):
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    content = [{"type": "text", "text": "What is this?"}, image]
    answer = chat.create(model=upstream, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == SEEN


@upstreams
@whole_or_streamed
@errors
def test_error(upstream, fault, error, code, stream):
    raises(error, fault, code, lambda: hello(f"{upstream}-{fault}", stream=stream))


@upstreams
def test_quota(upstream):
    raises_quota(upstream, lambda: hello(f"{upstream}-quota"))


def test_wrong_key():
    stranger = client.with_options(api_key="wrong").chat.completions
    with pytest.raises(openai.AuthenticationError):
        stranger.create(model="openai", messages=[{"role": "user", "content": "Hello?"}])


def test_model_that_nobody_serves():
    with pytest.raises(openai.NotFoundError) as raised:
        hello("nobody")
    assert raised.value.code == "model_not_found"


@upstreams
@whole_or_streamed
def test_timeout_of_the_sdk(upstream, stream):
    impatient = client.with_options(timeout=0.3, max_retries=0)
    messages = [{"role": "user", "content": "Hello?"}]
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(
            model=f"{upstream}-hangs", messages=messages, stream=stream
        )


@upstreams
@pytest.mark.parametrize("fault", ["cut", "overloaded-later"])
def test_stream_that_breaks(upstream, fault):
    pieces = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in hello(f"{upstream}-{fault}", stream=True):
            assert not chunk.choices[0].finish_reason
            pieces.append(chunk.choices[0].delta.content or "")
    assert "".join(pieces) == "One two"
    assert raised.value.message and raised.value.type
    if fault == "overloaded-later":
        assert raised.value.type == "service_unavailable_error"


@upstreams
def test_stream_that_is_carried_on(upstream):
    carries_on = client.with_options(base_url=f"{CARRIES_ON}/v1").chat.completions
    messages = [{"role": "user", "content": "Hello, you there!"}]
    with carries_on.stream(model=f"{upstream}-half", messages=messages) as events:
        pieces = [event.delta for event in events if event.type == "content.delta"]
        choice = events.get_final_completion().choices[0]
    assert "".join(pieces) == choice.message.content == "One two three four."
    assert choice.finish_reason == "stop"


@whole_or_streamed
def test_retries_of_the_sdk_cost_nothing(stream):
    with pytest.raises(openai.InternalServerError):
        hello("down", stream=stream)
