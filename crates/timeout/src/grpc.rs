use crate::SetDeadline;
use buttress_core::{Call, Carried, Context, grpc};
use http::{HeaderName, HeaderValue, Request};
use std::time::Duration;
use tokio::time::Instant;

/// Deadlines as gRPC carries them: as the time that is left, in the header `grpc-timeout`.
///
/// The time that the request allows is read, and what is left of the earliest of all deadlines
/// is written back, beside the [`Call`] in the request's extensions. A second
/// [`DeadlineLayer`](crate::DeadlineLayer) with it below the retry layer corrects the header for
/// each attempt by what was spent before:
///
/// ```
/// use buttress_timeout::{DeadlineLayer, Grpc};
/// use std::time::Duration;
///
/// let outermost = DeadlineLayer::new(Duration::from_secs(30)).set_by(Grpc::new());
/// let innermost = outermost.limit(None);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Grpc;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

impl Grpc {
    /// Reads and writes the header.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<B> SetDeadline<Request<B>> for Grpc {
    type Context = Call;

    fn set_deadline(&self, request: &mut Request<B>, limit: Option<Duration>) -> Call {
        let told = grpc::timeout(request.headers());
        let limit = limit.into_iter().chain(told).min();
        let call = Carried::new().set_deadline(request, limit);
        if let Some(deadline) = call.deadline() {
            let left = deadline.saturating_duration_since(Instant::now());
            request.headers_mut().insert(GRPC_TIMEOUT, header(left));
        }
        call
    }
}

/// In the finest unit that holds it in eight digits, as the protocol asks; rounded down, so that
/// the server does not think it has more time than there is.
fn header(left: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let secs = u128::from(left.as_secs());
    let units = [
        (left.as_nanos(), 'n'),
        (left.as_micros(), 'u'),
        (left.as_millis(), 'm'),
        (secs, 'S'),
        (secs / 60, 'M'),
    ];
    let fits = units.into_iter().find(|(amount, _)| *amount <= MOST);
    let (amount, unit) = fits.unwrap_or((u128::min(secs / 3600, MOST), 'H'));
    let value = HeaderValue::try_from(format!("{amount}{unit}"));
    value.expect("digits and a letter are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_written_in_the_finest_unit_that_holds_it() {
        for (left, expected) in [
            (Duration::ZERO, "0n"),
            (Duration::from_millis(99), "99000000n"),
            (Duration::from_millis(100), "100000u"),
            (Duration::from_secs(99), "99000000u"),
            (Duration::from_micros(100_000_999), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(100_000_000), "1666666M"),
            (Duration::MAX, "99999999H"),
        ] {
            let value = header(left);
            assert_eq!(value, expected);
            let mut headers = http::HeaderMap::new();
            headers.insert(GRPC_TIMEOUT, value);
            assert!(grpc::timeout(&headers).unwrap() <= left);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_header_counts_down_with_the_call() {
        let secs = Duration::from_secs;
        let mut request = Request::new(());
        let value = HeaderValue::from_static("20S");
        request.headers_mut().insert(GRPC_TIMEOUT, value);
        let call = Grpc.set_deadline(&mut request, Some(secs(30)));
        assert_eq!(call.deadline(), Some(Instant::now() + secs(20)));
        tokio::time::advance(secs(15)).await;
        Grpc.set_deadline(&mut request, None);
        assert_eq!(request.headers()[GRPC_TIMEOUT], "5000000u");
        assert_eq!(grpc::timeout(request.headers()), Some(secs(5)));
    }

    #[test]
    fn no_deadline_is_no_header() {
        let mut request = Request::new(());
        Grpc.set_deadline(&mut request, None);
        assert!(request.headers().is_empty());
    }
}
