//! What is wrong with what an answer says, and what can be done about it here.

use super::{
    LlmCorrect,
    case::{Case, Form},
};
use buttress_correct::json::{
    Schema, Violation,
    repair::{Repair, repair},
};
use buttress_llm::{Said, Stop, ToolCallSeen};
use serde_json::{Value, value::RawValue};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// What is wrong; nothing, when it is right.
    pub(super) problems: Vec<String>,
    /// What was done to it.
    pub(super) notes: Vec<&'static str>,
}

/// What is to be known of a schema for a text to be repaired by it.
struct Text<'a> {
    schema: Option<&'a Schema>,
    cut: bool,
    /// Whether the arguments of a tool are meant, which have to be an object.
    is_object: bool,
}

impl Case {
    /// Looks at what was said, and repairs it where that makes it right.
    pub(super) fn judge(&self, correct: &LlmCorrect, said: &mut Said) -> Judged {
        let stop = said.finish.as_ref().map(|finish| finish.stop);
        // What it will not say is not to be had by asking again.
        if !said.refusal.is_empty() || stop == Some(Stop::ContentFilter) {
            return Judged::default();
        }
        let cut = stop == Some(Stop::Length);
        if !said.calls.is_empty() {
            return match self.tools {
                true => self.judge_calls(correct, &mut said.calls, cut),
                // What is said beside a call is no answer yet.
                false => Judged::default(),
            };
        }
        let schema = match &self.form {
            Form::Any => return Judged::default(),
            Form::Json => None,
            Form::Schema(schema) => Some(schema),
        };
        let form = Text {
            schema,
            cut,
            is_object: false,
        };
        let mut judged = form.judge(correct, &mut said.text);
        if let Some(accepts) = &correct.accepts
            && judged.problems.is_empty()
            && let Err(problem) = accepts(&said.text)
        {
            judged.problems.push(problem);
        }
        if cut && !judged.problems.is_empty() {
            judged.problems.insert(0, CUT.to_owned());
        }
        judged
    }

    fn judge_calls(&self, correct: &LlmCorrect, calls: &mut [ToolCallSeen], cut: bool) -> Judged {
        let tools = self.request().tool_parameters();
        let mut all = Judged::default();
        for (at, call) in calls.iter_mut().enumerate() {
            // One that is not there may be one of the provider's own.
            let Some(tool) = tools.iter().find(|tool| tool.name == call.name) else {
                continue;
            };
            let schema = tool.schema.as_deref().map(RawValue::get);
            // One that can't be compiled is its author's, and this answer has to be given.
            let schema = schema.and_then(|schema| correct.schemas.get(schema).ok());
            // As several providers write that there are none.
            if call.arguments.trim().is_empty() {
                "{}".clone_into(&mut call.arguments);
            }
            let form = Text {
                schema: schema.as_ref(),
                cut,
                is_object: true,
            };
            let judged = form.judge(correct, &mut call.arguments);
            let problems = judged.problems.iter();
            all.problems
                .extend(problems.map(|problem| of_call(at, problem)));
            all.notes.extend(judged.notes);
        }
        all
    }
}

/// In front of what is wrong with an answer that was cut off.
pub(super) const CUT: &str = "cut off at its limit of tokens";

/// A problem of one call, as it stands in the list of all.
fn of_call(at: usize, problem: &str) -> String {
    format!("tool call {at}: {problem}")
}

/// The problems of this call in the list of all.
pub(super) fn problems_of_call(at: usize, problems: &[String]) -> impl Iterator<Item = &str> {
    let prefix = of_call(at, "");
    problems
        .iter()
        .filter_map(move |problem| problem.strip_prefix(&*prefix))
}

impl Text<'_> {
    fn judge(&self, correct: &LlmCorrect, text: &mut String) -> Judged {
        let error = match serde_json::from_str(text) {
            Ok(value) => {
                let problems = self.problems(&value);
                return Judged {
                    problems,
                    notes: Vec::new(),
                };
            }
            Err(error) => error,
        };
        let mut problems = vec![format!("not JSON: {error}")];
        let repaired = match correct.repair {
            true => repair(text, self.cut),
            false => None,
        };
        if let Some(repaired) = repaired
            && let Ok(value) = serde_json::from_str(&repaired.json)
        {
            let remaining = self.problems(&value);
            // Without a schema nobody knows whether that was all.
            let is_known = self.schema.is_some() || !repaired.repairs.contains(&Repair::Tail);
            if remaining.is_empty() && is_known {
                *text = repaired.json;
                let notes = repaired.repairs.into_iter().map(Repair::as_str).collect();
                return Judged {
                    problems: Vec::new(),
                    notes,
                };
            }
            problems.extend(remaining);
        }
        Judged {
            problems,
            notes: Vec::new(),
        }
    }

    fn problems(&self, value: &Value) -> Vec<String> {
        if self.is_object && !value.is_object() {
            return vec!["not an object".to_owned()];
        }
        let violations = self.schema.map(|schema| schema.violations(value));
        let violations = violations.unwrap_or_default();
        violations.iter().map(Violation::to_string).collect()
    }
}
