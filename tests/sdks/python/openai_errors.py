"""What the `openai` package raises for each fault, whichever of its APIs is asked."""

import openai
import pytest

errors = pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("rate-limited", openai.RateLimitError, "rate_limit_exceeded"),
        ("overloaded", openai.InternalServerError, None),
        ("broken", openai.InternalServerError, None),
        ("html", openai.InternalServerError, None),
        ("silent", openai.InternalServerError, None),
        ("invalid-key", openai.AuthenticationError, "invalid_api_key"),
        ("permission", openai.PermissionDeniedError, None),
        ("unknown-model", openai.NotFoundError, "model_not_found"),
        ("conflict", openai.ConflictError, None),
        ("invalid", openai.BadRequestError, None),
        ("too-long", openai.BadRequestError, "context_length_exceeded"),
        ("policy", openai.BadRequestError, "content_policy_violation"),
        ("unprocessable", openai.UnprocessableEntityError, None),
        ("too-large", openai.APIStatusError, None),
    ],
)


def raises(error, fault, code, ask):
    """Holds what is asked to raise this error, and all that a caller reads off it."""
    with pytest.raises(error) as raised:
        ask()
    told = raised.value
    assert type(told) is error
    assert told.message and told.body["message"] and told.type
    if code:
        assert told.code == code
    statuses = {"overloaded": 503, "broken": 500, "html": 502, "silent": 504, "too-large": 413}
    assert told.status_code == statuses.get(fault, told.status_code)
    # What the user of the SDK is told to name to whoever runs the gateway.
    assert told.response.headers["x-buttress-request-id"]


def raises_quota(upstream, ask):
    """Holds what is asked twice to raise that there is nothing left to spend."""
    # With the status that the provider answered with: Anthropic's is 400.
    first = openai.BadRequestError if upstream == "anthropic" else openai.RateLimitError
    # From then on the key is left alone, and the status is the one that fits.
    for error in [first, openai.RateLimitError]:
        with pytest.raises(error) as raised:
            ask()
        assert raised.value.code == "insufficient_quota"
