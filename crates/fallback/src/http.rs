use crate::{Declare, Failed, Policy};
use buttress_core::{Call, Carried, Classify, Failure, Observe, http::HttpStatus};
use http::{Request, Response};
use std::sync::Arc;

/// The policy for HTTP.
///
/// - The status says how an answer is to be judged ([`HttpStatus`]), or another classifier does.
/// - Deadline and budget are those of the [`Call`] in the request's extensions; without one
///   there is neither deadline nor patience, and nothing is recorded.
/// - The request is cloned for the next route, so its body has to be `Clone`, as
///   `Full<Bytes>` is; one that is not needs a body that keeps what it sends.
/// - An answer carries [`ServedBy`] in its extensions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http<C = HttpStatus, O = ()> {
    classify: C,
    observe: (Carried, O),
}

impl Http {
    /// Judges by [`HttpStatus`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            classify: HttpStatus::new(),
            observe: (Carried::new(), ()),
        }
    }
}

impl<C, O> Http<C, O> {
    /// Sets the classifier.
    #[must_use]
    pub fn classify<T>(self, classify: T) -> Http<T, O> {
        let observe = self.observe;
        Http { classify, observe }
    }

    /// Sets who is told what is done, beside the call itself.
    #[must_use]
    pub fn observe<T>(self, observe: T) -> Http<C, T> {
        let observe = (self.observe.0, observe);
        let classify = self.classify;
        Http { classify, observe }
    }
}

/// Which route gave an answer: an extension of the response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServedBy {
    /// The name of the route. Of nested fallbacks it is the innermost one's.
    pub route: Arc<str>,
    /// The call that the request carried, which knows the journey and what was waited.
    pub call: Option<Call>,
}

impl<C, O, B, T, E, D> Policy<Request<B>, Response<T>, E, D> for Http<C, O>
where
    B: Clone,
    C: Classify<Response<T>, E>,
    O: Observe<Request<B>>,
    D: Declare,
{
    type Observe = (Carried, O);

    fn observe(&self) -> &(Carried, O) {
        &self.observe
    }

    fn classify(&self, outcome: Result<&Response<T>, &E>) -> Result<(), Failure> {
        self.classify.classify(outcome)
    }

    fn keep(&self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }

    fn falls_back(
        &self,
        _: &Request<B>,
        failed: &Failed<'_, Response<T>, E, D>,
        declares: &D,
    ) -> Result<(), &'static str> {
        failed.by_verdict(declares.takes_bad_input())
    }

    fn answered(
        &self,
        response: &mut Response<T>,
        route: &Arc<str>,
        (call, _): &(Option<Call>, O::Context),
    ) {
        // The innermost fallback knows best, and has spoken first.
        if response.extensions().get::<ServedBy>().is_none() {
            response.extensions_mut().insert(ServedBy {
                route: Arc::clone(route),
                call: call.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fallback, FallbackLayer, Route, Routes, TakesBadInput};
    use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};

    async fn busy(_: Request<String>) -> Result<Response<()>, BoxError> {
        Ok(Response::builder().status(503).body(())?)
    }

    async fn echo(request: Request<String>) -> Result<Response<()>, BoxError> {
        assert_eq!(request.into_body(), "hello");
        Ok(Response::new(()))
    }

    fn request() -> Request<String> {
        let mut request = Request::new("hello".to_owned());
        request.extensions_mut().insert(Call::new());
        request
    }

    #[tokio::test]
    async fn the_answer_tells_its_route_and_the_journey() {
        let service = ServiceBuilder::new()
            .layer(FallbackLayer::new(service_fn(echo)).policy(Http::new()))
            .service(service_fn(busy));
        let response = service.oneshot(request()).await.unwrap();
        let served: &ServedBy = response.extensions().get().unwrap();
        assert_eq!(&*served.route, "backup");
        let journey = served.call.as_ref().unwrap().journey();
        assert_eq!(journey.steps().len(), 3);
    }

    #[tokio::test]
    async fn the_innermost_route_signs_and_a_failing_response_is_signed_too() {
        let inner =
            Routes::new(Route::new("a", service_fn(busy))).then(Route::new("b", service_fn(busy)));
        let inner = Fallback::new(inner, Http::new());
        let outer = Fallback::new(Routes::new(Route::new("outer", inner)), Http::new());
        let response = outer.oneshot(request()).await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(
            &*response.extensions().get::<ServedBy>().unwrap().route,
            "b"
        );
    }

    #[tokio::test]
    async fn bad_requests_stay_unless_they_are_welcome() {
        let bad = service_fn(|_: Request<String>| async {
            Ok::<_, BoxError>(Response::builder().status(400).body(())?)
        });
        for (welcome, status) in [(false, 400), (true, 200)] {
            let routes = Routes::new(Route::new("a", bad).declares(TakesBadInput(false)))
                .or(Route::new("b", service_fn(echo)).declares(TakesBadInput(welcome)));
            let service = Fallback::new(routes, Http::new());
            let response = service.oneshot(request()).await.unwrap();
            assert_eq!(response.status(), status);
        }
    }
}
