//! Ordered fallback routes for any Tower service
