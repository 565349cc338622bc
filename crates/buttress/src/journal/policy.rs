use super::{replay::replayed, tape::Tape};
use buttress_core::Session;
use buttress_core::{Call, Carry};
use buttress_journal::{About, Answer, Asked, Digest, JournalPolicy, Pen, Unreadable};
use buttress_llm::{AnswerBody, EventStream, LlmRequest, LlmResponse, Usage, read_usage};
use std::{fmt, sync::Arc};

/// The route of an answer that was given from the journal.
pub const ROUTE: &str = "journal";

/// How LLM calls are recorded, and given again.
#[derive(Clone)]
pub struct LlmJournal {
    route: Arc<str>,
}

impl LlmJournal {
    /// Records LLM calls.
    #[must_use]
    pub fn new() -> Self {
        Self {
            route: ROUTE.into(),
        }
    }
}

impl Default for LlmJournal {
    fn default() -> Self {
        Self::new()
    }
}

/// To be changed with what makes a request the same as another one.
const FORM: &[u8] = b"llm-1";

impl JournalPolicy<LlmRequest, LlmResponse> for LlmJournal {
    type Context = Option<Call>;

    fn session<'a>(&self, request: &'a LlmRequest) -> Option<&'a Session> {
        request.own_session()
    }

    fn context(&self, request: &LlmRequest) -> Option<Call> {
        request.call().cloned()
    }

    fn asked(&self, request: &LlmRequest) -> Asked {
        // Of a dialect that is addressed, model and stream do not stand in the body.
        let streams = [u8::from(request.streams())];
        let dialect = request.dialect().as_str();
        let parts = [
            FORM,
            dialect.as_bytes(),
            request.model().as_bytes(),
            &streams,
        ];
        let digest = Digest::of_json(&parts, request.body());
        Asked::new(digest, request.message_count() as u64).body(request.body().clone())
    }

    fn replay(&self, request: &LlmRequest, answer: Answer) -> Result<LlmResponse, Unreadable> {
        let dialect = request.dialect();
        let model = answer.about.model.unwrap_or_else(|| request.model().into());
        let (body, usage) = match answer.streamed {
            true => {
                let mut usage = Usage::default();
                (usage.input, usage.output) = (answer.about.input, answer.about.output);
                let events = replayed(dialect, answer.body, usage).ok_or(Unreadable::new())?;
                (AnswerBody::Stream(events), Usage::default())
            }
            false => {
                let usage = read_usage(dialect, &answer.body);
                (AnswerBody::Json(answer.body), usage)
            }
        };
        let response = LlmResponse::new(dialect, model, body).usage(usage);
        Ok(response.route(Arc::clone(&self.route)))
    }

    async fn record(&self, mut response: LlmResponse, pen: Pen) -> LlmResponse {
        let about = about(&response);
        match response.body {
            AnswerBody::Json(json) => {
                let answer = Answer::whole(json.clone()).about(about);
                pen.write(answer).await;
                response.body = AnswerBody::Json(json);
            }
            AnswerBody::Stream(events) => {
                let tape = Tape::new(events, pen, about);
                response.body = AnswerBody::Stream(EventStream::new(tape));
            }
        }
        response
    }
}

fn about(response: &LlmResponse) -> About {
    let mut about = About::default();
    about.model = Some(Arc::clone(&response.model));
    about.route.clone_from(&response.route);
    about.input = response.usage.input;
    about.output = response.usage.output;
    about
}

impl fmt::Debug for LlmJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmJournal").finish_non_exhaustive()
    }
}
