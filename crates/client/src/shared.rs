//! What the calls of a client have in common.

use crate::{Commit, connect::Connector};
use buttress_llm::{Dialect, LlmRequest, Provider, Target};
use buttress_timeout::Limits;
use bytes::Bytes;
use http::{HeaderMap, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use std::{borrow::Cow, sync::Arc};

/// What a client is, in one piece: a call counts one reference, and no more.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) shared: Arc<Shared>,
    pub(crate) place: Place,
}

/// What a request is written for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) target: Target,
    /// The model that is asked, unless it is the one that a request names.
    pub(crate) model: Option<Arc<str>>,
    /// How long a whole answer may take, and a streamed one.
    pub(crate) whole: Limits,
    pub(crate) streamed: Limits,
    /// When a streamed answer is given out, and how much of it may be held back until then.
    pub(crate) commit: Commit,
    pub(crate) max_held: usize,
}

impl Place {
    pub(crate) fn model(&self, request: &LlmRequest) -> Arc<str> {
        let model = self.model.clone();
        model.unwrap_or_else(|| request.model().into())
    }
}

/// What all clones have in common.
pub(crate) struct Shared {
    pub(crate) http: Client<Connector, Full<Bytes>>,
    pub(crate) provider: Provider,
    pub(crate) endpoint: Uri,
    /// Another dialect that is known there, and where, if callers who speak it are to be asked
    /// for in it.
    pub(crate) callers: Option<(Dialect, Uri)>,
    pub(crate) headers: HeaderMap,
    pub(crate) max_answer: usize,
    pub(crate) max_event: Option<usize>,
}

impl Asked {
    /// What this request is written for, and where it goes.
    pub(crate) fn written_for(&self, request: &LlmRequest) -> (Cow<'_, Target>, &Uri) {
        let target = &self.place.target;
        match &self.shared.callers {
            Some((dialect, endpoint)) if *dialect == request.dialect() => {
                (Cow::Owned(target.clone().speaking(*dialect)), endpoint)
            }
            _ => (Cow::Borrowed(target), &self.shared.endpoint),
        }
    }
}
