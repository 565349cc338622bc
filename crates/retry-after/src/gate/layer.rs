use super::{
    FromRateLimit, Gate, GateHandle, GateHandles, GateSettings, InvalidGateSettings, KeyedGates,
    OneGate, SharedKey, entry::Anchor,
};
use buttress_core::{AtOnce, ByError, http::HttpStatus};
use std::hash::Hash;
use tokio::time::Instant;
use tower_layer::Layer;

/// Lets calls wait, or turns them away, while their key is rate limited or unusable.
///
/// It hears of a verdict from its judge: [`AtOnce`] for whole answers, or
/// [`AtEnd`](buttress_core::http::AtEnd) for HTTP bodies. All services that it makes, and all
/// clones, share the gate, or the gates with [`keyed`](Self::keyed).
///
/// See the [crate's docs](crate) for what a gate does and for all settings.
#[derive(Clone, Debug)]
pub struct GateLayer<J = AtOnce<ByError>, P = (), O = (), G = OneGate> {
    settings: GateSettings,
    judge: J,
    pace: P,
    observe: O,
    gates: G,
}

impl GateLayer {
    /// A gate with these settings, that takes every response for a success and asks errors for
    /// their verdict.
    ///
    /// # Errors
    /// When no gate can work with the settings.
    pub fn new(settings: GateSettings) -> Result<Self, InvalidGateSettings> {
        settings.validate()?;
        Ok(Self::valid(settings))
    }

    /// A gate with the [standard](GateSettings::standard) settings.
    ///
    /// Like [`new`](Self::new) it takes every response for a success, so over plain HTTP no 429
    /// closes it: for that there is [`http`](GateLayer::http).
    #[must_use]
    pub fn standard() -> Self {
        Self::valid(GateSettings::standard())
    }

    fn valid(settings: GateSettings) -> Self {
        Self {
            judge: AtOnce::new(ByError::new()),
            pace: (),
            observe: (),
            gates: OneGate(Anchor::claim(&settings)),
            settings,
        }
    }
}

impl GateLayer<AtOnce<HttpStatus>, FromRateLimit> {
    /// A gate with the [standard](GateSettings::standard) settings for HTTP: it judges answers by
    /// their head, and learns the pace from what [`RetryAfterLayer`](crate::RetryAfterLayer),
    /// which belongs inside, read of their headers.
    ///
    /// The short form of
    /// `GateLayer::standard().classify(HttpStatus::new()).pace_hint(FromRateLimit::new())`.
    ///
    /// ```
    /// use buttress_retry_after::{GateLayer, GateState, RetryAfterLayer};
    /// use http::{Request, Response};
    /// use std::time::Duration;
    /// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), BoxError> {
    /// let gate = GateLayer::http();
    /// let handle = gate.handle();
    /// let client = ServiceBuilder::new()
    ///     .layer(gate)
    ///     .layer(RetryAfterLayer::new())
    ///     .service(service_fn(async |_: Request<()>| {
    ///         let answer = Response::builder().status(429).header("retry-after", "20");
    ///         Ok::<_, BoxError>(answer.body(())?)
    ///     }));
    /// client.oneshot(Request::new(())).await?;
    /// assert_eq!(handle.state(), GateState::Closed { wait: Duration::from_secs(20) });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where a body may end in a limit, as streams do, judge by
    /// [`AtEnd`](buttress_core::http::AtEnd) instead.
    #[must_use]
    pub fn http() -> Self {
        GateLayer::standard()
            .classify(HttpStatus::new())
            .pace_hint(FromRateLimit::new())
    }
}

impl Default for GateLayer {
    fn default() -> Self {
        Self::standard()
    }
}

impl<J, P, O, G> GateLayer<J, P, O, G> {
    /// Judges calls by this classifier, the moment their response is there.
    #[must_use]
    pub fn classify<C>(self, classify: C) -> GateLayer<AtOnce<C>, P, O, G> {
        self.judge(AtOnce::new(classify))
    }

    /// Leaves it to this [`Judge`](buttress_core::Judge) when and how a call is judged:
    /// [`AtEnd`](buttress_core::http::AtEnd) waits for the end of an HTTP body. It is cloned for
    /// each call.
    #[must_use]
    pub fn judge<J2>(self, judge: J2) -> GateLayer<J2, P, O, G> {
        GateLayer {
            settings: self.settings,
            judge,
            pace: self.pace,
            observe: self.observe,
            gates: self.gates,
        }
    }

    /// Learns the pace of reopening from what this draws from answers, for instance
    /// [`FromRateLimit`].
    #[must_use]
    pub fn pace_hint<P2>(self, pace: P2) -> GateLayer<J, P2, O, G> {
        GateLayer {
            settings: self.settings,
            judge: self.judge,
            pace,
            observe: self.observe,
            gates: self.gates,
        }
    }

    /// Looks into requests, and reports, through this [`Observe`](buttress_core::Observe).
    #[must_use]
    pub fn observe<O2>(self, observe: O2) -> GateLayer<J, P, O2, G> {
        GateLayer {
            settings: self.settings,
            judge: self.judge,
            pace: self.pace,
            observe,
            gates: self.gates,
        }
    }

    /// Has a gate for each key that this draws from a request, instead of what it had: at most
    /// [`max_keys`](GateSettings::max_keys) of them.
    #[must_use]
    pub fn keyed<Req, K, F>(self, key: F) -> GateLayer<J, P, O, KeyedGates<K, F>>
    where
        K: Clone + Eq + Hash,
        F: Fn(&Req) -> K,
    {
        GateLayer {
            gates: KeyedGates::new(&self.settings, key),
            settings: self.settings,
            judge: self.judge,
            pace: self.pace,
            observe: self.observe,
        }
    }
}

impl<J, P, O> GateLayer<J, P, O, OneGate> {
    /// Makes its gate one of several that this key has: it shares with them that the key is
    /// unusable, and nothing else. So do all clones of the layer, which have the same gate. A gate
    /// has one key at most, the last one that it was given.
    #[must_use]
    pub fn of_key(self, key: &SharedKey) -> Self {
        key.join(self.gates.0.block(), Instant::now());
        self
    }

    /// Reads and overrides the gate.
    #[must_use]
    pub fn handle(&self) -> GateHandle {
        self.gates.handle()
    }
}

impl<J, P, O, K, F> GateLayer<J, P, O, KeyedGates<K, F>> {
    /// Reads and overrides the gates.
    #[must_use]
    pub fn handles(&self) -> GateHandles<K> {
        self.gates.handles()
    }
}

impl<S, J, P, O, G> Layer<S> for GateLayer<J, P, O, G>
where
    J: Clone,
    P: Clone,
    O: Clone,
    G: Clone,
{
    type Service = Gate<S, J, P, O, G>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(
            inner,
            self.judge.clone(),
            self.pace.clone(),
            self.observe.clone(),
            self.gates.clone(),
        )
    }
}
