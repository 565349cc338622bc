"""The `google-genai` package against the gateway."""

import httpx2
import pytest
from common import (
    CARRIES_ON, DEGREES, GATEWAY, KEY, SEEN, TOLD, Weather, models, png, tool_models, upstreams,
    weather, whole_or_streamed,
)
from google import genai
from google.genai import errors, types


def client(key=KEY, base_url=GATEWAY, **options):
    options = types.HttpOptions(base_url=base_url, **options)
    return genai.Client(api_key=key, http_options=options)


# It closes its connections when it is dropped.
google = client()
asked = google.models
HELLO = "Hello, you there!"
ASK = "What is the weather like?"
SOMEBODY = types.GenerateContentConfig(system_instruction="Somebody")


def ask(stream: bool, of=google, **request):
    """The answer, or the pieces of it."""
    if not stream:
        return [of.models.generate_content(**request)]
    return list(of.models.generate_content_stream(**request))


def hello(model: str, stream: bool = False, of=google):
    return ask(stream, of=of, model=model, contents=HELLO, config=SOMEBODY)


@models
def test_chat(model):
    [answer] = hello(model)
    assert answer.text == "Somebody said: Hello, you there!"
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage.prompt_token_count > 0 and usage.candidates_token_count > 0
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count


@upstreams
def test_stream(upstream):
    chunks = hello(upstream, stream=True)
    pieces = [chunk.text for chunk in chunks if chunk.text]
    assert len(pieces) > 1
    assert "".join(pieces) == "Somebody said: Hello, you there!"
    finishes = [chunk.candidates[0].finish_reason for chunk in chunks]
    assert [finish for finish in finishes if finish] == [types.FinishReason.STOP]
    assert chunks[-1].usage_metadata.candidates_token_count > 0


@tool_models
@whole_or_streamed
def test_tools(model, stream):
    schema = {
        "type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"],
    }
    tool = {"name": "weather", "description": "What the weather is like.", "parameters": schema}
    config = types.GenerateContentConfig(tools=[{"function_declarations": [tool]}])
    said = [types.Content(role="user", parts=[types.Part(text=ASK)])]
    request = {"model": model, "contents": said, "config": config}

    chunks = ask(stream, **request)
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [call.name for call in calls] == ["weather", "weather"]
    assert [call.args for call in calls] == [{"city": city} for city in DEGREES]

    # As they are, with what the model signed.
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    said.append(types.Content(role="model", parts=parts))
    results = []
    for call in calls:
        given = {"output": weather(**call.args)}
        result = types.FunctionResponse(id=call.id, name=call.name, response=given)
        results.append(types.Part(function_response=result))
    said.append(types.Content(role="user", parts=results))
    answer = ask(stream, **request)
    assert "".join(chunk.text or "" for chunk in answer) == TOLD


@tool_models
@whole_or_streamed
def test_functions_that_are_called_by_themselves(model, stream):
    called = []

    def tool(city: str) -> str:
        """What the weather is like."""
        called.append(city)
        return weather(city)

    tool.__name__ = "weather"
    chat = google.chats.create(model=model, config={"tools": [tool]})
    send = chat.send_message_stream if stream else chat.send_message
    answer = list(send(ASK)) if stream else [send(ASK)]
    assert "".join(chunk.text or "" for chunk in answer) == TOLD
    assert called == list(DEGREES)


@models
@whole_or_streamed
@pytest.mark.parametrize("field", ["response_schema", "response_json_schema"])
def test_schema(model, stream, field):
    schema = Weather if field == "response_schema" else Weather.model_json_schema()
    config = {"response_mime_type": "application/json", field: schema}
    answer = ask(stream, model=model, contents=ASK, config=config)
    text = "".join(chunk.text or "" for chunk in answer)
    berlin = Weather(city="Berlin", degrees=21)
    assert Weather.model_validate_json(text) == berlin
    if not stream and field == "response_schema":
        assert answer[0].parsed == berlin


@upstreams
def test_image(upstream):
    image = types.Part.from_bytes(data=png(), mime_type="image/png")
    answer = asked.generate_content(model=upstream, contents=["What is this?", image])
    assert answer.text == SEEN


@upstreams
@whole_or_streamed
@pytest.mark.parametrize(
    ("fault", "error", "code", "status"),
    [
        ("rate-limited", errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
        ("overloaded", errors.ServerError, 503, "UNAVAILABLE"),
        ("broken", errors.ServerError, 500, "INTERNAL"),
        ("html", errors.ServerError, 502, "UNAVAILABLE"),
        ("silent", errors.ServerError, 504, "DEADLINE_EXCEEDED"),
        ("invalid-key", errors.ClientError, 401, "UNAUTHENTICATED"),
        ("permission", errors.ClientError, 403, "PERMISSION_DENIED"),
        ("unknown-model", errors.ClientError, 404, "NOT_FOUND"),
        ("conflict", errors.ClientError, 409, "ABORTED"),
        ("invalid", errors.ClientError, 400, "INVALID_ARGUMENT"),
        ("too-long", errors.ClientError, 400, "INVALID_ARGUMENT"),
        ("policy", errors.ClientError, 400, "INVALID_ARGUMENT"),
        ("unprocessable", errors.ClientError, 422, "INVALID_ARGUMENT"),
        ("too-large", errors.ClientError, 413, "INVALID_ARGUMENT"),
    ],
)
def test_error(upstream, fault, error, code, status, stream):
    with pytest.raises(error) as raised:
        hello(f"{upstream}-{fault}", stream=stream)
    told = raised.value
    assert type(told) is error
    assert (told.code, told.status) == (code, status)
    assert told.message
    # What the user of the SDK is told to name to whoever runs the gateway.
    assert told.response.headers["x-buttress-request-id"]


@upstreams
def test_quota(upstream):
    # With the status that the provider answered with: Anthropic's is 400.
    first = 400 if upstream == "anthropic" else 429
    # From then on the key is left alone, and the status is the one that fits.
    for code in [first, 429]:
        with pytest.raises(errors.ClientError) as raised:
            hello(f"{upstream}-quota")
        assert raised.value.code == code


def test_wrong_key():
    with pytest.raises(errors.ClientError) as raised:
        hello("gemini", of=client(key="wrong"))
    assert (raised.value.code, raised.value.status) == (401, "UNAUTHENTICATED")


def test_model_that_nobody_serves():
    with pytest.raises(errors.ClientError) as raised:
        hello("nobody")
    assert (raised.value.code, raised.value.status) == (404, "NOT_FOUND")


def test_models():
    names = [model.name for model in asked.list()]
    assert "models/gemini" in names and "models/openai" in names
    assert asked.get(model="gemini").name == "models/gemini"


@upstreams
@whole_or_streamed
def test_timeout_of_the_sdk(upstream, stream):
    impatient = client(timeout=300)
    with pytest.raises(httpx2.ReadTimeout):
        hello(f"{upstream}-hangs", stream=stream, of=impatient)


@upstreams
@pytest.mark.parametrize("fault", ["cut", "overloaded-later"])
def test_stream_that_breaks(upstream, fault):
    pieces = []
    with pytest.raises(errors.ServerError) as raised:
        stream = asked.generate_content_stream(model=f"{upstream}-{fault}", contents=HELLO)
        for chunk in stream:
            assert not chunk.candidates[0].finish_reason
            pieces.append(chunk.text or "")
    assert "".join(pieces) == "One two"
    code, status = {"cut": (502, "UNAVAILABLE"), "overloaded-later": (503, "UNAVAILABLE")}[fault]
    assert (raised.value.code, raised.value.status) == (code, status)


@upstreams
def test_stream_that_is_carried_on(upstream):
    chunks = hello(f"{upstream}-half", stream=True, of=client(base_url=CARRIES_ON))
    assert "".join(chunk.text or "" for chunk in chunks) == "One two three four."
    finishes = [chunk.candidates[0].finish_reason for chunk in chunks]
    assert [finish for finish in finishes if finish] == [types.FinishReason.STOP]


@whole_or_streamed
def test_upstream_calls_are_counted(stream):
    with pytest.raises(errors.ServerError):
        hello("down", stream=stream)


def test_retries_of_the_sdk():
    # It does not read this header, so each of its attempts is a request of its own.
    attempts = types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.02, jitter=0)
    with pytest.raises(errors.ServerError) as raised:
        hello("down", of=client(retry_options=attempts))
    assert raised.value.response.headers["x-should-retry"] == "false"
