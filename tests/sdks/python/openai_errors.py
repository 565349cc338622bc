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
