use super::{
    case::{Case, Form},
    held, passed, words,
};
use buttress_core::Carried;
use buttress_correct::{CorrectLayer, Found, LastResort, Policy, json::Schemas};
use buttress_llm::{
    AnswerBody, Dialect, InvalidRequest, LlmError, LlmRequest, LlmResponse, Said, TransportError,
    WrongAnswer,
};
use bytes::Bytes;
use std::{fmt, mem, sync::Arc};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

/// Which answers of language models are right. See the [module's documentation](super).
///
/// Clones share the schemas that were compiled, of which those used last are kept.
#[derive(Clone)]
pub struct LlmCorrect {
    pub(super) max: Option<u32>,
    pub(super) repair: bool,
    tools: ToolCalls,
    streams: Streams,
    pub(super) schemas: Schemas,
    pub(super) accepts: Option<Arc<Accepts>>,
    stronger: Option<Stronger>,
}

/// Whether a text that follows its schema is right; what is wrong, if not.
pub(super) type Accepts = dyn Fn(&str) -> Result<(), String> + Send + Sync;

type Stronger = BoxCloneSyncService<LlmRequest, LlmResponse, LlmError>;

/// What becomes of a stream whose answer is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Streams {
    /// It is kept back until its end, and given out when it is right.
    Hold,
    /// It is passed on as it comes. It can't be corrected then, and ends in an error in the place
    /// of its last event, or as soon as its text can't become JSON any more.
    Pass,
}

/// Which calls of tools are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToolCalls {
    /// None.
    Never,
    /// Those of whole answers. A stream with tools is not kept back for them.
    Whole,
    /// Those of streams as well.
    Always,
}

impl LlmCorrect {
    /// At most 2 corrections, repairs before them, streams held, and the calls of tools in whole
    /// answers checked.
    #[must_use]
    pub fn new() -> Self {
        Self {
            max: Some(2),
            repair: true,
            tools: ToolCalls::Whole,
            streams: Streams::Hold,
            schemas: Schemas::new(),
            accepts: None,
            stronger: None,
        }
    }

    /// Nothing is checked.
    pub(crate) fn off() -> Self {
        Self {
            max: None,
            ..Self::new()
        }
    }

    /// Sets how many corrections one call may ask for \[2\]; a
    /// [request](LlmRequest::corrections) may allow less. With 0, answers are checked and repaired.
    #[must_use]
    pub const fn max(mut self, corrections: u32) -> Self {
        self.max = Some(corrections);
        self
    }

    /// Sets whether answers are repaired where it needs no model \[yes\].
    #[must_use]
    pub const fn repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// Sets which calls of tools are checked [those of whole answers].
    #[must_use]
    pub const fn tools(mut self, tools: ToolCalls) -> Self {
        self.tools = tools;
        self
    }

    /// Sets what becomes of streams [they are held].
    #[must_use]
    pub const fn streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// Sets what is asked, once, when all corrections were wrong: a route to a stronger model, say
    /// \[nothing\]. It gets the request as it was.
    #[must_use]
    pub fn stronger<S>(mut self, service: S) -> Self
    where
        S: Service<LlmRequest, Response = LlmResponse, Error = LlmError>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.stronger = Some(BoxCloneSyncService::new(service));
        self
    }

    /// Sets what an answer has to be beyond its schema: the text is given, and what is wrong is
    /// told to the model, and to nobody else unless it asks the error \[anything is right\].
    #[must_use]
    pub fn accepts<F>(mut self, accepts: F) -> Self
    where
        F: Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    {
        self.accepts = Some(Arc::new(accepts));
        self
    }

    /// The layer that acts on it, and tells the request's journey.
    #[must_use]
    pub fn layer(self) -> CorrectLayer<Self, Carried> {
        let max = self.max.unwrap_or(0);
        CorrectLayer::new(self).max(max).observe(Carried::new())
    }

    fn form(&self, request: &LlmRequest) -> Result<Form, LlmError> {
        if !request.wants_json() {
            return Ok(Form::Any);
        }
        let Some(schema) = request.answer_schema() else {
            return Ok(Form::Json);
        };
        let schema = self.schemas.get(schema.get());
        let schema = schema.map_err(|error| InvalidRequest::Field {
            field: field_of_schema(request.dialect()).to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Form::Schema(schema))
    }

    fn checks_tools(&self, request: &LlmRequest) -> bool {
        request.wants_tools()
            && match self.tools {
                ToolCalls::Never => false,
                ToolCalls::Whole => !request.streams(),
                ToolCalls::Always => true,
            }
    }

    fn check_whole(
        &self,
        case: &mut Case,
        mut response: LlmResponse,
        body: &Bytes,
    ) -> Result<Found<LlmResponse, WrongAnswer>, LlmError> {
        // What is no answer of its dialect is for its caller to see.
        let Ok(mut said) = Said::read(response.dialect, body) else {
            return Ok(Found::Right(response));
        };
        if !response.usage.is_empty() {
            said.usage = response.usage;
        }
        case.count(&response.route, said.usage);
        let judged = case.judge(self, &mut said);
        if !judged.problems.is_empty() {
            return Ok(Found::Wrong(WrongAnswer::new(said, judged.problems)));
        }
        if case.sum_up(&mut response, &mut said) || !judged.notes.is_empty() {
            let body = said.write_into(body);
            let body = body.map_err(|error| LlmError::transport(TransportError::Other, error))?;
            response.body = AnswerBody::Json(body);
        }
        Ok(noted(response, judged.notes))
    }
}

/// As it is, with what was done to it.
pub(super) fn noted(
    response: LlmResponse,
    notes: Vec<&'static str>,
) -> Found<LlmResponse, WrongAnswer> {
    match notes.is_empty() {
        true => Found::Right(response),
        false => Found::Noted { response, notes },
    }
}

impl Policy<LlmRequest, LlmResponse, LlmError> for LlmCorrect {
    type Case = Case;
    type Wrong = WrongAnswer;

    fn open(&self, request: &LlmRequest) -> Result<Option<Case>, LlmError> {
        if self.max.is_none() || request.asks_for_corrections() == Some(0) {
            return Ok(None);
        }
        let tools = self.checks_tools(request);
        if !tools && !request.wants_json() || request.correctable().is_err() {
            return Ok(None);
        }
        let form = self.form(request)?;
        Ok(Some(Case::new(request.clone(), form, tools)))
    }

    async fn check(
        &self,
        case: &mut Case,
        mut response: LlmResponse,
    ) -> Result<Found<LlmResponse, WrongAnswer>, LlmError> {
        let nothing = AnswerBody::Json(Bytes::new());
        match mem::replace(&mut response.body, nothing) {
            AnswerBody::Json(body) => {
                response.body = AnswerBody::Json(body.clone());
                self.check_whole(case, response, &body)
            }
            AnswerBody::Stream(events) => match self.streams {
                Streams::Hold => held::check(self, case, response, events).await,
                Streams::Pass => {
                    let passed = passed::Passed::new(self.clone(), case, &response, events);
                    response.body = AnswerBody::Stream(passed.into_stream());
                    Ok(Found::Right(response))
                }
            },
        }
    }

    fn correction(&self, case: &Case, wrong: &WrongAnswer) -> Result<LlmRequest, &'static str> {
        let complaint = words::complaint(case, &self.schemas, &wrong.said, &wrong.problems);
        case.request().correcting(&wrong.said, &complaint)
    }

    fn corrections(&self, case: &Case) -> Option<u32> {
        case.request().asks_for_corrections()
    }

    fn last_resort(
        &self,
        case: &Case,
        _: &WrongAnswer,
    ) -> Option<LastResort<LlmResponse, LlmError>> {
        let service = self.stronger.clone()?;
        Some(Box::pin(service.oneshot(case.request().clone())))
    }
}

const fn field_of_schema(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "response_format.json_schema.schema",
        Dialect::OpenAiResponses => "text.format.schema",
        Dialect::AnthropicMessages => "output_config.format.schema",
        _ => "generationConfig.responseJsonSchema",
    }
}

impl Default for LlmCorrect {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LlmCorrect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmCorrect")
            .field("max", &self.max)
            .field("repair", &self.repair)
            .field("tools", &self.tools)
            .field("streams", &self.streams)
            .field("stronger", &self.stronger.is_some())
            .finish_non_exhaustive()
    }
}
