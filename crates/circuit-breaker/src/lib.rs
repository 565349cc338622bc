//! A lock-free circuit breaker for any Tower service
