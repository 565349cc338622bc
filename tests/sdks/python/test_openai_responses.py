"""The responses of the `openai` package against the gateway."""

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
responses = client.responses


def hello(model: str, **more):
    return responses.create(
        model=model, instructions="Somebody", input="Hello, you there!", **more
    )


@upstreams
def test_response(upstream):
    answer = hello(upstream, temperature=0.5, max_output_tokens=50)
    assert answer.output_text == "Somebody said: Hello, you there!"
    assert (answer.status, answer.error, answer.incomplete_details) == ("completed", None, None)
    usage = answer.usage
    assert usage.input_tokens > 0 and usage.output_tokens > 0
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


@upstreams
def test_stream(upstream):
    events = list(hello(upstream, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(pieces) > 1
    assert "".join(pieces) == "Somebody said: Hello, you there!"
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "".join(pieces)
    assert events[-1].response.usage.output_tokens > 0


class GetWeather(BaseModel):
    """What the weather is like."""

    city: str


TOOL = openai.pydantic_function_tool(GetWeather, name="weather")["function"]


def turn(stream: bool, **request):
    """One answer of the model, by the helpers that parse it."""
    if not stream:
        return responses.parse(**request)
    with responses.stream(**request) as events:
        return events.get_final_response()


@tool_models
@whole_or_streamed
def test_tools(model, stream):
    said = [{"role": "user", "content": "What is the weather like?"}]
    request = {"model": model, "input": said, "tools": [{"type": "function", **TOOL}]}

    answer = turn(stream, **request)
    calls = [item for item in answer.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["weather", "weather"]
    cities = [GetWeather.model_validate_json(call.arguments).city for call in calls]
    assert cities == list(DEGREES)

    for call, city in zip(calls, cities):
        given = {"type": "function_call", "call_id": call.call_id, "name": call.name}
        said.append({**given, "arguments": call.arguments})
        result = {"type": "function_call_output", "call_id": call.call_id}
        said.append({**result, "output": weather(city)})
    answer = turn(stream, **request)
    assert (answer.output_text, answer.status) == (TOLD, "completed")


@models
@whole_or_streamed
def test_schema(model, stream):
    answer = turn(stream, model=model, input="What is the weather like?", text_format=Weather)
    assert answer.output_parsed == Weather(city="Berlin", degrees=21)


@upstreams
def test_image(upstream):
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    content = [{"type": "input_text", "text": "What is this?"}, image]
    answer = responses.create(model=upstream, input=[{"role": "user", "content": content}])
    assert answer.output_text == SEEN


@upstreams
@whole_or_streamed
@errors
def test_error(upstream, fault, error, code, stream):
    raises(error, fault, code, lambda: hello(f"{upstream}-{fault}", stream=stream))


@upstreams
def test_quota(upstream):
    raises_quota(upstream, lambda: hello(f"{upstream}-quota"))


def test_wrong_key():
    stranger = client.with_options(api_key="wrong").responses
    with pytest.raises(openai.AuthenticationError):
        stranger.create(model="responses", input="Hello?")


def test_model_that_nobody_serves():
    with pytest.raises(openai.NotFoundError) as raised:
        hello("nobody")
    assert raised.value.code == "model_not_found"


@upstreams
@whole_or_streamed
def test_timeout_of_the_sdk(upstream, stream):
    impatient = client.with_options(timeout=0.3, max_retries=0).responses
    with pytest.raises(openai.APITimeoutError):
        impatient.create(model=f"{upstream}-hangs", input="Hello?", stream=stream)


@upstreams
@pytest.mark.parametrize("fault", ["cut", "overloaded-later"])
def test_stream_that_breaks(upstream, fault):
    pieces = []
    with pytest.raises(openai.APIError) as raised:
        for event in hello(f"{upstream}-{fault}", stream=True):
            assert event.type != "response.completed"
            if event.type == "response.output_text.delta":
                pieces.append(event.delta)
    assert "".join(pieces) == "One two"
    assert raised.value.message


@upstreams
def test_stream_that_is_carried_on(upstream):
    carries_on = client.with_options(base_url=f"{CARRIES_ON}/v1").responses
    with carries_on.stream(model=f"{upstream}-half", input="Hello, you there!") as stream:
        events = list(stream)
        answer = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(pieces) == answer.output_text == "One two three four."
    assert (answer.status, len(answer.output)) == ("completed", 1)


def test_what_is_stored_elsewhere():
    with pytest.raises(openai.NotFoundError):
        responses.retrieve("resp_1")
    with pytest.raises(openai.BadRequestError) as raised:
        hello("anthropic", previous_response_id="resp_1")
    assert "stored" in raised.value.message


@whole_or_streamed
def test_retries_of_the_sdk_cost_nothing(stream):
    with pytest.raises(openai.InternalServerError):
        hello("down", stream=stream)
