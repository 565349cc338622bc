use crate::{Carried, Context as _, Event, Observe};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Records that a call goes out, as [`Event::Attempt`].
///
/// The other layers can't know that: what they pass on may be refused by a layer below. So this
/// one belongs right around the service that makes the calls. [`Call::attempts`] counts what it
/// records. A service that records by itself, as the LLM client does, must not have it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::convert::Infallible> {
/// # use std::convert::Infallible;
/// use buttress_core::{AttemptLayer, Call, Carry};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// let service = ServiceBuilder::new()
///     // … retry, breaker and the rest …
///     .layer(AttemptLayer::new())
///     .service(service_fn(async |_: http::Request<()>| Ok::<_, Infallible>("answer")));
///
/// let call = Call::new();
/// let mut request = http::Request::new(());
/// request.set_call(call.clone());
/// service.oneshot(request).await?;
/// assert_eq!(call.attempts(), 1);
/// # Ok(())
/// # }
/// ```
///
/// [`Call::attempts`]: crate::Call::attempts
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptLayer<O = Carried> {
    observe: O,
}

impl AttemptLayer {
    /// Records in the call that the request carries.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            observe: Carried::new(),
        }
    }
}

impl<O> AttemptLayer<O> {
    /// Sets who hears of it.
    #[must_use]
    pub fn observe<P>(self, observe: P) -> AttemptLayer<P> {
        AttemptLayer { observe }
    }
}

impl<S, O: Clone> Layer<S> for AttemptLayer<O> {
    type Service = Attempt<S, O>;

    fn layer(&self, inner: S) -> Attempt<S, O> {
        let observe = self.observe.clone();
        Attempt { inner, observe }
    }
}

/// The service that [`AttemptLayer`] makes. It is ready when the inner one is, and its future is
/// the inner one's.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<S, O = Carried> {
    inner: S,
    observe: O,
}

impl<S, O> Attempt<S, O> {
    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without this one.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Service<Req>, O: Observe<Req>, Req> Service<Req> for Attempt<S, O> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        self.observe.context(&request).record(Event::Attempt);
        self.inner.call(request)
    }
}
