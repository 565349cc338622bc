"""The `anthropic` package against the gateway."""

import anthropic
import pytest
from anthropic import Anthropic, beta_tool
from common import (
    CARRIES_ON, DEGREES, GATEWAY, KEY, PNG, SEEN, TOLD, Weather, models, tool_models, upstreams,
    weather, whole_or_streamed,
)

client = Anthropic(base_url=GATEWAY, api_key=KEY, max_retries=2)
ASK = [{"role": "user", "content": "What is the weather like?"}]


def hello(model: str, **more):
    return client.messages.create(
        model=model,
        max_tokens=50,
        system="Somebody",
        messages=[{"role": "user", "content": "Hello, you there!"}],
        **more,
    )


@models
def test_chat(model):
    answer = hello(model)
    assert [block.text for block in answer.content] == ["Somebody said: Hello, you there!"]
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


@upstreams
def test_stream(upstream):
    with client.messages.stream(
        model=upstream,
        max_tokens=50,
        system="Somebody",
        messages=[{"role": "user", "content": "Hello, you there!"}],
    ) as stream:
        pieces = list(stream.text_stream)
        answer = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == "Somebody said: Hello, you there!" == answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens > 0


TOOL = {
    "name": "weather",
    "description": "What the weather is like.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def turn(stream: bool, **request):
    """One answer of the model."""
    if not stream:
        return client.messages.create(**request)
    with client.messages.stream(**request) as events:
        return events.get_final_message()


@tool_models
@whole_or_streamed
def test_tools(model, stream):
    messages = [*ASK]
    request = {"model": model, "max_tokens": 50, "messages": messages, "tools": [TOOL]}

    answer = turn(stream, **request)
    assert answer.stop_reason == "tool_use"
    assert [block.type for block in answer.content] == ["tool_use", "tool_use"]
    assert [block.name for block in answer.content] == ["weather", "weather"]
    assert [block.input for block in answer.content] == [{"city": city} for city in DEGREES]

    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": weather(block.input["city"])}
        for block in answer.content
    ]
    messages.append({"role": "assistant", "content": answer.content})
    messages.append({"role": "user", "content": results})
    answer = turn(stream, **request)
    assert (answer.content[0].text, answer.stop_reason) == (TOLD, "end_turn")


@tool_models
@whole_or_streamed
def test_tool_runner(model, stream):
    asked = []

    @beta_tool(name="weather")
    def tool(city: str) -> str:
        """What the weather is like."""
        asked.append(city)
        return weather(city)

    runner = client.beta.messages.tool_runner(
        model=model, max_tokens=50, messages=ASK, tools=[tool], stream=stream
    )
    answers = [step.get_final_message() if stream else step for step in runner]
    assert [answer.stop_reason for answer in answers] == ["tool_use", "end_turn"]
    assert answers[-1].content[0].text == TOLD
    assert asked == list(DEGREES)


@upstreams
def test_schema(upstream):
    answer = client.messages.parse(
        model=upstream, max_tokens=50, messages=ASK, output_format=Weather
    )
    assert answer.parsed_output == Weather(city="Berlin", degrees=21)
    assert answer.stop_reason == "end_turn"


@upstreams
def test_schema_of_a_stream(upstream):
    with client.messages.stream(
        model=upstream, max_tokens=50, messages=ASK, output_format=Weather
    ) as stream:
        answer = stream.get_final_message()
    assert answer.parsed_output == Weather(city="Berlin", degrees=21)
    assert answer.stop_reason == "end_turn"


@upstreams
def test_image(upstream):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    answer = client.messages.create(
        model=upstream, max_tokens=50, messages=[{"role": "user", "content": content}]
    )
    assert answer.content[0].text == SEEN


@upstreams
@whole_or_streamed
@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        ("rate-limited", anthropic.RateLimitError, "rate_limit_error"),
        ("overloaded", anthropic.OverloadedError, "overloaded_error"),
        ("broken", anthropic.InternalServerError, "api_error"),
        ("html", anthropic.InternalServerError, "api_error"),
        ("silent", anthropic.GatewayTimeoutError, "timeout_error"),
        ("invalid-key", anthropic.AuthenticationError, "authentication_error"),
        ("permission", anthropic.PermissionDeniedError, "permission_error"),
        ("unknown-model", anthropic.NotFoundError, "not_found_error"),
        ("conflict", anthropic.ConflictError, "conflict_error"),
        ("invalid", anthropic.BadRequestError, "invalid_request_error"),
        ("too-long", anthropic.BadRequestError, "invalid_request_error"),
        ("policy", anthropic.BadRequestError, "invalid_request_error"),
        ("unprocessable", anthropic.UnprocessableEntityError, "invalid_request_error"),
        ("too-large", anthropic.ContentTooLargeError, "request_too_large"),
    ],
)
def test_error(upstream, fault, error, kind, stream):
    with pytest.raises(error) as raised:
        hello(f"{upstream}-{fault}", stream=stream)
    told = raised.value
    assert type(told) is error
    assert told.type == kind
    assert told.api_message
    # What the user of the SDK is told to name to whoever runs the gateway.
    assert told.response.headers["x-buttress-request-id"]


@upstreams
def test_quota(upstream):
    # With the status that the provider answered with: Anthropic has none of its own for credit
    # that was bought in advance.
    first = anthropic.BadRequestError if upstream == "anthropic" else anthropic.RateLimitError
    with pytest.raises(first) as raised:
        hello(f"{upstream}-quota")
    if upstream == "anthropic":
        assert "credit balance" in raised.value.api_message
    else:
        assert raised.value.type == "billing_error"
    # From then on the key is left alone, and the status is the one that fits.
    with pytest.raises(anthropic.PaymentRequiredError) as raised:
        hello(f"{upstream}-quota")
    assert raised.value.type == "billing_error"


def test_wrong_key():
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="wrong").messages.create(
            model="anthropic", max_tokens=50, messages=ASK
        )


def test_model_that_nobody_serves():
    with pytest.raises(anthropic.NotFoundError) as raised:
        hello("nobody")
    assert raised.value.type == "not_found_error"


@upstreams
@whole_or_streamed
def test_timeout_of_the_sdk(upstream, stream):
    impatient = client.with_options(timeout=0.3, max_retries=0)
    with pytest.raises(anthropic.APITimeoutError):
        impatient.messages.create(
            model=f"{upstream}-hangs", max_tokens=50, messages=ASK, stream=stream
        )


@upstreams
@pytest.mark.parametrize("fault", ["cut", "overloaded-later"])
def test_stream_that_breaks(upstream, fault):
    pieces = []
    with pytest.raises(anthropic.APIStatusError) as raised:
        with client.messages.stream(
            model=f"{upstream}-{fault}", max_tokens=50, messages=ASK
        ) as stream:
            for piece in stream.text_stream:
                pieces.append(piece)
    assert "".join(pieces) == "One two"
    kind = {"cut": "api_error", "overloaded-later": "overloaded_error"}[fault]
    assert raised.value.type == kind


@upstreams
def test_stream_that_is_carried_on(upstream):
    carries_on = client.with_options(base_url=CARRIES_ON).messages
    with carries_on.stream(model=f"{upstream}-half", max_tokens=50, messages=ASK) as stream:
        pieces = list(stream.text_stream)
        answer = stream.get_final_message()
    assert [block.text for block in answer.content] == ["".join(pieces)] == ["One two three four."]
    assert answer.stop_reason == "end_turn"


@whole_or_streamed
def test_retries_of_the_sdk_cost_nothing(stream):
    with pytest.raises(anthropic.InternalServerError):
        hello("down", stream=stream)
