//! What is said to a model whose answer is wrong.

use super::{
    case::{Case, Form},
    judge::{CUT, problems_of_call},
};
use buttress_correct::json::Schemas;
use buttress_llm::{Complaint, Said};
use serde_json::value::RawValue;

/// A schema that is longer is not said once more.
const LONGEST_SCHEMA: usize = 16 << 10;

pub(super) fn complaint(
    case: &Case,
    schemas: &Schemas,
    said: &Said,
    problems: &[String],
) -> Complaint {
    if said.calls.is_empty() {
        return of_text(case, problems);
    }
    let tools = case.request().tool_parameters();
    let mut complaint = Complaint::default();
    for (at, call) in said.calls.iter().enumerate() {
        let wrong: Vec<_> = problems_of_call(at, problems).collect();
        if wrong.is_empty() {
            continue;
        }
        let tool = tools.iter().find(|tool| tool.name == call.name);
        let schema = tool.and_then(|tool| tool.schema.as_deref());
        let schema = schema.map(RawValue::get);
        // What could not be compiled says nothing.
        let schema = schema.filter(|schema| schemas.get(schema).is_ok());
        complaint = complaint.invalid_call(at, wrong, short(schema));
    }
    complaint
}

fn of_text(case: &Case, problems: &[String]) -> Complaint {
    let schema = match &case.form {
        Form::Schema(schema) => Some(schema.text()),
        Form::Any | Form::Json => None,
    };
    let (complaint, problems) = match problems {
        [cut, rest @ ..] if cut == CUT => (Complaint::default().cut_off(), rest),
        problems => (Complaint::default(), problems),
    };
    complaint.invalid(problems, short(schema))
}

fn short(schema: Option<&str>) -> Option<&str> {
    schema.filter(|schema| schema.len() <= LONGEST_SCHEMA)
}
