"""What all SDKs are asked with; the models are described in tests/tests/sdks/upstreams.rs."""

import base64
import os
import struct
import zlib
from itertools import permutations

import pytest
from pydantic import BaseModel

GATEWAY = os.environ["GATEWAY"]
KEY = os.environ["GATEWAY_KEY"]
# The same, but it carries on streams that break.
CARRIES_ON = os.environ["GATEWAY_THAT_CARRIES_ON"]

# Whoever answers speaks the SDK's own dialect, or another one.
UPSTREAMS = ["openai", "responses", "anthropic", "gemini"]
FALLBACKS = [f"{first}-then-{then}" for first, then in permutations(UPSTREAMS, 2)]

upstreams = pytest.mark.parametrize("upstream", UPSTREAMS)
models = pytest.mark.parametrize("model", [*UPSTREAMS, "anthropic-older"])
tool_models = pytest.mark.parametrize("model", [*UPSTREAMS, *FALLBACKS])
whole_or_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])

DEGREES = {"Berlin": 21, "Paris": 24}
TOLD = "The results are 21 degrees in Berlin and 24 degrees in Paris."


def weather(city: str) -> str:
    return f"{DEGREES[city]} degrees in {city}"


class Weather(BaseModel):
    city: str
    degrees: int


def png() -> bytes:
    """One black pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


PNG = base64.b64encode(png()).decode()
SEEN = f"I see image/png of {len(png())} bytes."
