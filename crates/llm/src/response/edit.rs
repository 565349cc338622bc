//! Changes to what an answer says, all else staying as it is.

use crate::{
    InvalidAnswer, Usage,
    cross::object,
    request::{Fields, range_of},
    stream::json,
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, mem, vec};

/// What an answer is to say in the place of what it says. A dialect takes out of it what belongs
/// into a place, in the order in which the answer has them.
#[derive(Debug, Default)]
pub(crate) struct Edit<'a> {
    text: Text<'a>,
    /// The arguments of each call, where they change.
    calls: vec::IntoIter<Option<&'a str>>,
    usage: Option<Usage>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Text<'a> {
    #[default]
    Stays,
    /// It stands in the first place that there is for it.
    Becomes(&'a str),
    Placed,
}

impl<'a> Edit<'a> {
    pub(super) fn new(
        text: Option<&'a str>,
        calls: Vec<Option<&'a str>>,
        usage: Option<Usage>,
    ) -> Self {
        Self {
            text: text.map_or(Text::Stays, Text::Becomes),
            calls: calls.into_iter(),
            usage,
        }
    }

    /// What stands in the place of a piece of text, if not what stands there. All of it stands in
    /// the first one, and nothing in those that follow.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        match mem::replace(&mut self.text, Text::Placed) {
            Text::Stays => {
                self.text = Text::Stays;
                None
            }
            Text::Becomes(text) => Some(text),
            Text::Placed => Some(""),
        }
    }

    /// The arguments of the next call, as text, if they change.
    pub(crate) fn arguments(&mut self) -> Option<&'a str> {
        self.calls.next().flatten()
    }

    /// The arguments of the next call, as an object.
    pub(crate) fn input(&mut self) -> Result<Option<&'a str>, InvalidAnswer> {
        let arguments = self.arguments();
        let object = |it| object(it).ok_or_else(InvalidAnswer::arguments);
        Ok(arguments.map(object).transpose()?.map(RawValue::get))
    }

    /// The usage, if it changes, as this dialect writes it: with what else is told there, but for
    /// these fields, which would say something else than the others.
    pub(crate) fn usage<Wire>(&mut self, before: &str, without: &[&str]) -> Option<String>
    where
        Wire: From<Usage> + Serialize,
    {
        let usage = serde_json::to_value(Wire::from(self.usage.take()?)).ok()?;
        let mut all = serde_json::from_str(before).unwrap_or(Value::Null);
        if let Value::Object(fields) = &mut all {
            fields.retain(|name, _| !without.contains(&&**name));
        }
        merge(&mut all, usage);
        Some(all.to_string())
    }

    /// The answer with the usage in this field, if it told none.
    pub(crate) fn add_usage<Wire>(
        &mut self,
        answer: &str,
        changed: Option<String>,
        field: &str,
    ) -> Option<String>
    where
        Wire: From<Usage> + Serialize,
    {
        let Some(usage) = self.usage::<Wire>("null", &[]) else {
            return changed;
        };
        let mut answer = changed.unwrap_or_else(|| answer.to_owned());
        // There is the field with what was said, so that a comma is due.
        let front = answer.find('{')? + 1;
        answer.insert_str(front, &format!("\"{field}\":{usage},"));
        Some(answer)
    }
}

/// Puts the numbers of the one into the other.
fn merge(all: &mut Value, more: Value) {
    match (all, more) {
        (Value::Object(all), Value::Object(more)) => {
            for (name, value) in more {
                merge(all.entry(name).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (all, more) => *all = more,
    }
}

type Changed = Result<Option<String>, InvalidAnswer>;

/// The object with its fields changed, if any is: each is asked for once, and told what it was.
pub(crate) fn fields<'t>(
    text: &'t str,
    mut change: impl FnMut(&str, &'t str) -> Changed,
) -> Changed {
    let Fields(fields) = serde_json::from_str(text)?;
    let mut changed = String::new();
    let mut copied = 0;
    for (name, value) in fields {
        let value = value.get();
        if let Some(new) = change(&name, value)? {
            let at = range_of(value, text);
            changed.push_str(&text[copied..at.start]);
            changed.push_str(&new);
            copied = at.end;
        }
    }
    if copied == 0 {
        return Ok(None);
    }
    changed.push_str(&text[copied..]);
    Ok(Some(changed))
}

/// The list with its elements changed, if any is. An empty text leaves one out.
pub(crate) fn elements<'t>(text: &'t str, mut change: impl FnMut(&'t str) -> Changed) -> Changed {
    let list: Option<Vec<&'t RawValue>> = serde_json::from_str(text)?;
    let mut any = false;
    let mut elements = Vec::new();
    for element in list.into_iter().flatten() {
        match change(element.get())? {
            Some(new) => {
                any = true;
                elements.extend((!new.is_empty()).then_some(Cow::Owned(new)));
            }
            None => elements.push(element.get().into()),
        }
    }
    Ok(any.then(|| format!("[{}]", elements.join(","))))
}

/// The list with its first element changed, if it is.
pub(crate) fn first<'t>(text: &'t str, mut change: impl FnMut(&'t str) -> Changed) -> Changed {
    let mut is_first = true;
    elements(text, |element| match mem::take(&mut is_first) {
        true => change(element),
        false => Ok(None),
    })
}

/// A text as JSON, if it changes.
pub(crate) fn quoted(text: Option<&str>) -> Option<String> {
    text.map(json)
}
