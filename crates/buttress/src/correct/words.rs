//! What is said to a model whose answer is wrong.

use super::{
    case::{Case, Form},
    judge::{CUT, problems_of_call},
};
use buttress_correct::json::Schemas;
use buttress_llm::{Complaint, Said};
use serde_json::value::RawValue;
use std::fmt::Write;

/// A schema that is longer is not said once more.
const LONGEST_SCHEMA: usize = 16 << 10;

pub(super) fn complaint(
    case: &Case,
    schemas: &Schemas,
    said: &Said,
    problems: &[String],
) -> Complaint {
    if said.calls.is_empty() {
        return Complaint::new(of_text(case, problems));
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
        complaint = complaint.call(at, of_call(&wrong, schema));
    }
    complaint
}

fn of_text(case: &Case, problems: &[String]) -> String {
    let schema = match &case.form {
        Form::Schema(schema) => Some(schema.text()),
        Form::Any | Form::Json => None,
    };
    let mut words = if problems.first().is_some_and(|problem| problem == CUT) {
        let limit = case.request().max_tokens();
        let limit = limit.map_or_else(String::new, |limit| format!(" of {limit} tokens"));
        format!(
            "Your answer was cut off at its limit{limit} before it was complete. Answer again from \
             the beginning, and much more briefly, so that all of it fits."
        )
    } else {
        let form = match schema {
            Some(_) => "does not follow the JSON schema that it has to follow",
            None => "is not JSON, as it has to be",
        };
        let mut words = format!("Your answer {form}:");
        list(&mut words, problems.iter().map(String::as_str));
        words.push_str("\nAnswer again, with the whole answer.");
        words
    };
    words.push_str(" Write the JSON alone: no words and no code fences around it.");
    append(&mut words, "The schema", schema);
    words
}

fn of_call(problems: &[&str], schema: Option<&str>) -> String {
    let mut words = "The tool was not run, because its arguments are wrong:".to_owned();
    list(&mut words, problems.iter().copied());
    words.push_str("\nCall it again with arguments that follow its parameters.");
    append(&mut words, "The parameters", schema);
    words
}

fn list<'a>(words: &mut String, problems: impl Iterator<Item = &'a str>) {
    for problem in problems {
        let _ = write!(words, "\n- {problem}");
    }
}

fn append(words: &mut String, what: &str, schema: Option<&str>) {
    if let Some(schema) = schema.filter(|schema| schema.len() <= LONGEST_SCHEMA) {
        let _ = write!(words, "\n{what}: {schema}");
    }
}
