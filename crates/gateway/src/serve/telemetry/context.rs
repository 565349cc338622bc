//! In which trace a call is: what its caller says of it, and what a provider is told.

use http::HeaderMap;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The most that is passed on of what others have put down beside the trace, in bytes. This much
/// everybody has to pass on.
const MOST_STATE: usize = 512;

/// How long a `traceparent` is at least. The SDK would take shorter numbers for whole ones.
const LENGTH: usize = "00-".len() + 32 + "-".len() + 16 + "-01".len();

/// Where the caller is, if it says so.
pub(super) fn of_caller(headers: &HeaderMap) -> Option<Context> {
    headers
        .get("traceparent")
        .filter(|parent| parent.len() >= LENGTH)?;
    let context = TraceContextPropagator::new().extract_with_context(
        // Not whatever is around in this thread.
        &Context::new(),
        &Headers(headers),
    );
    context.span().span_context().is_valid().then_some(context)
}

/// Tells a provider in which span it is asked.
pub(super) fn tell(span: &Span, put: &mut dyn FnMut(&str, &str)) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut Put(put));
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        let value = values.next()?.to_str().ok()?;
        // Of two nobody knows which is meant.
        values.next().is_none().then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Put<'a>(&'a mut dyn FnMut(&str, &str));

impl Injector for Put<'_> {
    fn set(&mut self, key: &str, value: String) {
        if (1..=MOST_STATE).contains(&value.len()) {
            (self.0)(key, &value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", value.parse().unwrap());
        }
        let context = of_caller(&headers)?;
        Some(context.span().span_context().span_id().to_string())
    }

    #[test]
    fn a_caller_is_believed_if_it_names_one_span() {
        assert_eq!(of(&[PARENT]).as_deref(), Some("00f067aa0ba902b7"));
        let nowhere = PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        for none in [
            &[][..],
            &[PARENT, PARENT],
            &["00-1-2-01"],
            &[""],
            &[&nowhere],
        ] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn nobody_is_told_of_a_trace_that_there_is_not() {
        tell(&Span::none(), &mut |name, _| panic!("{name}"));
    }
}
