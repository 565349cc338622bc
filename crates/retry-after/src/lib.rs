//! Retry-After and rate-limit headers: parsers, and the gate a limited key waits behind
