use crate::{
    CircuitBreaker, Handle, Handles, InvalidSettings, KeyedBreakers, OneBreaker, Settings,
};
#[cfg(feature = "http")]
use buttress_core::http::HttpStatus;
use buttress_core::{AtOnce, ByError};
use std::hash::Hash;
use tower_layer::Layer;

/// Puts a [`CircuitBreaker`] around a service.
///
/// All services that one layer makes share one breaker (or one per key), and so do their clones:
/// make one layer for each external service.
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer<J = AtOnce<ByError>, O = (), B = OneBreaker> {
    settings: Settings,
    judge: J,
    observe: O,
    breakers: B,
}

impl CircuitBreakerLayer {
    /// A breaker with these settings, that takes every response for a success and asks errors
    /// for their verdict.
    ///
    /// # Errors
    /// When no breaker can work with the settings.
    pub fn new(settings: Settings) -> Result<Self, InvalidSettings> {
        settings.validate()?;
        Ok(Self::valid(settings))
    }

    /// A breaker with the [standard](Settings::standard) settings.
    ///
    /// Like [`new`](Self::new) it takes every response for a success, so over plain HTTP no 5xx
    /// counts: for that there is [`http`](CircuitBreakerLayer::http).
    #[must_use]
    pub fn standard() -> Self {
        Self::valid(Settings::standard())
    }

    /// A breaker with the [classic](Settings::classic) settings: a plain counter.
    #[must_use]
    pub fn classic() -> Self {
        Self::valid(Settings::classic())
    }

    fn valid(settings: Settings) -> Self {
        Self {
            judge: AtOnce::new(ByError::new()),
            observe: (),
            breakers: OneBreaker::new(settings.rules(), settings.seed),
            settings,
        }
    }
}

#[cfg(feature = "http")]
impl CircuitBreakerLayer<AtOnce<HttpStatus>> {
    /// A breaker with the [standard](Settings::standard) settings that judges HTTP answers by
    /// their [status](HttpStatus): a 5xx is a failure, and its `Retry-After` is kept to.
    ///
    /// The short form of `CircuitBreakerLayer::standard().classify(HttpStatus::new())`. An answer
    /// is judged when its head is there; to hear of a body that breaks off as well, take
    /// `judge(AtEnd::new(HttpStatus::new()))`.
    ///
    /// ```
    /// use buttress_circuit_breaker::{CircuitBreakerLayer, State};
    /// use http::{Request, Response};
    /// use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), BoxError> {
    /// let breaker = CircuitBreakerLayer::http();
    /// let handle = breaker.handle();
    /// let mut service = ServiceBuilder::new().layer(breaker).service(service_fn(
    ///     async |_: Request<()>| Ok::<_, BoxError>(Response::builder().status(503).body(())?),
    /// ));
    /// for _ in 0..8 {
    ///     let answer = service.ready().await?.call(Request::default()).await?;
    ///     assert_eq!(answer.status(), 503);
    /// }
    /// assert_eq!(handle.state(), State::Open);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn http() -> Self {
        CircuitBreakerLayer::standard().classify(HttpStatus::new())
    }
}

impl Default for CircuitBreakerLayer {
    fn default() -> Self {
        Self::standard()
    }
}

impl<J, O, B> CircuitBreakerLayer<J, O, B> {
    /// Judges calls by this classifier, the moment their response is there.
    #[must_use]
    pub fn classify<C>(self, classify: C) -> CircuitBreakerLayer<AtOnce<C>, O, B> {
        self.judge(AtOnce::new(classify))
    }

    /// Leaves it to this [`Judge`](buttress_core::Judge) when and how a call is judged:
    /// [`AtEnd`](buttress_core::http::AtEnd) waits for the end of an HTTP body. It is cloned for
    /// each call.
    #[must_use]
    pub fn judge<J2>(self, judge: J2) -> CircuitBreakerLayer<J2, O, B> {
        CircuitBreakerLayer {
            settings: self.settings,
            judge,
            observe: self.observe,
            breakers: self.breakers,
        }
    }

    /// Tells this [`Observe`](buttress_core::Observe) of rejected calls.
    #[must_use]
    pub fn observe<O2>(self, observe: O2) -> CircuitBreakerLayer<J, O2, B> {
        CircuitBreakerLayer {
            settings: self.settings,
            judge: self.judge,
            observe,
            breakers: self.breakers,
        }
    }

    /// One breaker per key instead of one for all: this closure draws the key from the request.
    ///
    /// The breaker can only be asked when the request is there. So the inner service is always
    /// made ready first, and an error of its readiness counts for nobody.
    ///
    /// ```
    /// use buttress_circuit_breaker::{CircuitBreakerLayer, Settings, State};
    /// use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), BoxError> {
    /// let settings = Settings::standard().consecutive_failures(1);
    /// let breakers = CircuitBreakerLayer::new(settings)?.keyed(|host: &&str| host.to_string());
    /// let handles = breakers.handles();
    /// let mut client = ServiceBuilder::new()
    ///     .layer(breakers)
    ///     .service(service_fn(async |host: &str| match host {
    ///         "down.example" => Err(BoxError::from("connection refused")),
    ///         _ => Ok(()),
    ///     }));
    ///
    /// client.ready().await?.call("down.example").await.unwrap_err();
    /// client.ready().await?.call("up.example").await?;
    /// let state = |host: &str| handles.get(&host.to_string()).map(|handle| handle.state());
    /// assert_eq!(state("down.example"), Some(State::Open));
    /// assert_eq!(state("up.example"), Some(State::Closed));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn keyed<Req, K, F>(self, key: F) -> CircuitBreakerLayer<J, O, KeyedBreakers<K, F>>
    where
        K: Clone + Eq + Hash,
        F: Fn(&Req) -> K,
    {
        CircuitBreakerLayer {
            breakers: KeyedBreakers::new(&self.settings, key),
            settings: self.settings,
            judge: self.judge,
            observe: self.observe,
        }
    }
}

impl<J, O> CircuitBreakerLayer<J, O, OneBreaker> {
    /// Reads and overrides the breaker.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.breakers.handle()
    }
}

impl<J, O, K, F> CircuitBreakerLayer<J, O, KeyedBreakers<K, F>> {
    /// Reads and overrides the breakers.
    #[must_use]
    pub fn handles(&self) -> Handles<K> {
        self.breakers.handles()
    }
}

impl<S, J: Clone, O: Clone, B: Clone> Layer<S> for CircuitBreakerLayer<J, O, B> {
    type Service = CircuitBreaker<S, J, O, B>;

    fn layer(&self, inner: S) -> Self::Service {
        let (judge, observe) = (self.judge.clone(), self.observe.clone());
        CircuitBreaker::new(inner, judge, observe, self.breakers.clone())
    }
}
