//! Streams that are passed on while they are checked.

use super::{
    LlmCorrect,
    case::{Case, Form},
};
use buttress_core::{Carry as _, Context as _, Event, Uncorrected};
use buttress_correct::json::Prefix;
use buttress_llm::{EventStream, LlmError, LlmResponse, SaidReader, StreamEvent, WrongAnswer};
use futures_core::Stream;
use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A stream, and what is known of it so far.
pub(super) struct Passed {
    correct: LlmCorrect,
    case: Case,
    events: EventStream,
    reader: SaidReader,
    /// Whether its text can still become JSON, where it has to.
    prefix: Option<Prefix>,
    over: bool,
}

/// It was checked, and ends in an error.
const STOPPED: &str = "stopped a stream whose answer is wrong";

impl Passed {
    pub(super) fn new(
        correct: LlmCorrect,
        case: &Case,
        response: &LlmResponse,
        events: EventStream,
    ) -> Self {
        // Beside a call of a tool a model may say what it likes.
        let is_json = !matches!(case.form, Form::Any) && !case.request().wants_tools();
        Self {
            correct,
            case: case.again(),
            events,
            reader: SaidReader::new(response.dialect),
            prefix: is_json.then(Prefix::new),
            over: false,
        }
    }

    pub(super) fn into_stream(self) -> EventStream {
        EventStream::new(self)
    }

    /// The event, if the answer is not known to be wrong with it.
    fn event(&mut self, event: StreamEvent) -> Result<StreamEvent, LlmError> {
        self.reader.add(&event);
        if let (Some(prefix), Some(text)) = (&mut self.prefix, &event.text)
            && !prefix.push(text)
        {
            return Err(self.wrong(vec!["not JSON".to_owned()]));
        }
        if event.is_last() {
            self.end()?;
        }
        Ok(event)
    }

    /// What is wrong with the answer, now that it is whole.
    fn end(&mut self) -> Result<(), LlmError> {
        if mem::replace(&mut self.over, true) || !self.reader.is_whole() {
            return Ok(());
        }
        let mut said = self.said();
        // It has been given out: nothing in it can be repaired any more.
        self.correct.repair = false;
        let judged = self.case.judge(&self.correct, &mut said);
        match judged.problems.is_empty() {
            true => Ok(()),
            false => Err(self.wrong_as(WrongAnswer::new(said, judged.problems))),
        }
    }

    fn said(&mut self) -> buttress_llm::Said {
        let dialect = self.case.request().dialect();
        mem::replace(&mut self.reader, SaidReader::new(dialect)).into_said()
    }

    fn wrong(&mut self, problems: Vec<String>) -> LlmError {
        let said = self.said();
        self.wrong_as(WrongAnswer::new(said, problems))
    }

    fn wrong_as(&mut self, wrong: WrongAnswer) -> LlmError {
        self.over = true;
        let call = self.case.request().call().cloned();
        call.record(Event::Corrected(STOPPED));
        Uncorrected::new(vec![wrong]).into()
    }
}

impl Stream for Passed {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        Poll::Ready(match ready!(Pin::new(&mut this.events).poll_next(cx)) {
            Some(Ok(event)) => Some(this.event(event)),
            Some(Err(error)) => Some(Err(error)),
            None => this.end().err().map(Err),
        })
    }
}
