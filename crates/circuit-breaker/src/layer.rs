use crate::{CircuitBreaker, Handle, InvalidSettings, KeyedHandle, OneForAll, OnePerKey, Settings};
use buttress_core::{AtOnce, ByError};
use std::hash::Hash;
use tower_layer::Layer;

/// Puts a [`CircuitBreaker`] around a service.
///
/// All services that one layer makes share one breaker (or one per key), and so do their clones:
/// make one layer for each external service.
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer<J = AtOnce<ByError>, O = (), B = OneForAll> {
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
            breakers: OneForAll::new(settings.rules(), settings.seed),
            settings,
        }
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
    #[must_use]
    pub fn keyed<Req, K, F>(self, key: F) -> CircuitBreakerLayer<J, O, OnePerKey<K, F>>
    where
        K: Clone + Eq + Hash,
        F: Fn(&Req) -> K,
    {
        CircuitBreakerLayer {
            breakers: OnePerKey::new(&self.settings, key),
            settings: self.settings,
            judge: self.judge,
            observe: self.observe,
        }
    }
}

impl<J, O> CircuitBreakerLayer<J, O, OneForAll> {
    /// Reads and overrides the breaker.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.breakers.handle()
    }
}

impl<J, O, K, F> CircuitBreakerLayer<J, O, OnePerKey<K, F>> {
    /// Reads and overrides the breakers.
    #[must_use]
    pub fn handles(&self) -> KeyedHandle<K> {
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
