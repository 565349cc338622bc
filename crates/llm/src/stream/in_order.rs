use super::{Delta, Text, ToolDelta};
use std::collections::VecDeque;

/// Puts what an answer says one after the other, for dialects in which nothing else can be said
/// until a call is all there.
///
/// Nearly always it comes so. Where pieces of several calls come mixed, or text in between, what
/// is not of the call that is under way waits until the end of that: the end of its object, or of
/// all.
#[derive(Debug, Default)]
pub(crate) struct InOrder {
    open: Option<Open>,
    waiting: VecDeque<Waiting>,
    /// How much is waiting, in bytes.
    kept: usize,
    /// How many calls have begun: they are counted as they come.
    begun: u32,
    torn: bool,
}

/// The call that is under way.
#[derive(Debug)]
struct Open {
    index: u32,
    arguments: Brackets,
}

#[derive(Debug)]
enum Waiting {
    Text(String),
    Call {
        index: u32,
        id: String,
        name: String,
        arguments: String,
    },
}

/// A piece of an answer, in its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Text),
    /// A call begins.
    Call {
        id: String,
        name: String,
    },
    /// Of the call that began last.
    Arguments(Text),
}

impl InOrder {
    /// The most that may wait, in bytes: many times what any model says today.
    const MOST: usize = 8 << 20;

    /// What can be said now, with what this adds. A refusal is said as text.
    pub(crate) fn add(&mut self, delta: &Delta) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for text in [&delta.text, &delta.refusal].into_iter().flatten() {
            self.text(&mut pieces, text);
        }
        for call in &delta.tool_calls {
            self.call(&mut pieces, call);
        }
        if delta.finish.is_some() {
            self.go_on(&mut pieces, true);
            self.open = None;
        }
        self.torn |= self.kept > Self::MOST;
        pieces
    }

    /// Whether there is something that has no place any more, or too much that waits for one.
    pub(crate) const fn is_torn(&self) -> bool {
        self.torn
    }

    fn text(&mut self, pieces: &mut Vec<Piece>, text: &Text) {
        if self.waiting.is_empty() && self.may_go_on() {
            self.open = None;
            pieces.push(Piece::Text(text.clone()));
            return;
        }
        match self.waiting.back_mut() {
            Some(Waiting::Text(said)) => {
                said.push_str(text);
                self.kept += text.len();
            }
            _ => self.wait(Waiting::Text(text.to_string())),
        }
    }

    fn call(&mut self, pieces: &mut Vec<Piece>, call: &ToolDelta) {
        let said = call.arguments.as_deref().unwrap_or_default();
        let waits =
            |it: &&mut Waiting| matches!(it, Waiting::Call { index, .. } if *index == call.index);
        if let Some(open) = &mut self.open
            && open.index == call.index
        {
            if let Some(arguments) = &call.arguments {
                open.arguments.follow(said);
                pieces.push(Piece::Arguments(arguments.clone()));
            }
        } else if let Some(waiting) = self.waiting.iter_mut().find(waits) {
            let before = waiting.len();
            waiting.add(call);
            self.kept += waiting.len() - before;
        } else if call.index >= self.begun {
            self.begun = call.index.saturating_add(1);
            let mut waiting = Waiting::Call {
                index: call.index,
                id: String::new(),
                name: String::new(),
                arguments: String::new(),
            };
            waiting.add(call);
            self.wait(waiting);
        } else {
            // The end of that call was told.
            self.torn |= !said.trim().is_empty();
        }
        self.go_on(pieces, false);
    }

    fn wait(&mut self, waiting: Waiting) {
        self.kept += waiting.len();
        self.waiting.push_back(waiting);
    }

    fn may_go_on(&self) -> bool {
        let open = self.open.as_ref();
        open.is_none_or(|open| open.arguments.are_closed())
    }

    /// Says what has waited, as far as it can be said now; all of it at the end.
    fn go_on(&mut self, pieces: &mut Vec<Piece>, all: bool) {
        while all || self.may_go_on() {
            let Some(next) = self.waiting.pop_front_if(|next| all || next.may_begin()) else {
                break;
            };
            self.kept -= next.len();
            match next {
                Waiting::Text(text) => {
                    self.open = None;
                    pieces.push(Piece::Text(Text::of(text)));
                }
                Waiting::Call {
                    index,
                    id,
                    name,
                    arguments: said,
                } => {
                    let mut arguments = Brackets::default();
                    arguments.follow(&said);
                    self.open = Some(Open { index, arguments });
                    pieces.push(Piece::Call { id, name });
                    if !said.is_empty() {
                        pieces.push(Piece::Arguments(Text::of(said)));
                    }
                }
            }
        }
    }
}

impl Waiting {
    /// How much of it is kept, in bytes.
    fn len(&self) -> usize {
        let said = match self {
            Self::Text(text) => text.len(),
            Self::Call {
                id,
                name,
                arguments,
                ..
            } => id.len() + name.len() + arguments.len(),
        };
        size_of::<Self>() + said
    }

    /// A call has to have a name.
    fn may_begin(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Call { name, .. } => !name.is_empty(),
        }
    }

    fn add(&mut self, call: &ToolDelta) {
        if let Self::Call {
            id,
            name,
            arguments,
            ..
        } = self
        {
            id.push_str(call.id.as_deref().unwrap_or_default());
            name.push_str(call.name.as_deref().unwrap_or_default());
            arguments.push_str(call.arguments.as_deref().unwrap_or_default());
        }
    }
}

/// Where the object ends that comes piece by piece.
#[derive(Clone, Copy, Debug, Default)]
struct Brackets {
    begun: bool,
    depth: usize,
    quoted: bool,
    escaped: bool,
}

impl Brackets {
    fn follow(&mut self, json: &str) {
        for byte in json.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.quoted => self.escaped = true,
                b'"' => self.quoted = !self.quoted,
                b'{' | b'[' if !self.quoted => {
                    self.begun = true;
                    self.depth += 1;
                }
                b'}' | b']' if !self.quoted => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether all that was opened is closed.
    const fn are_closed(&self) -> bool {
        self.begun && self.depth == 0 && !self.quoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finish, Stop};

    fn text(text: &str) -> Text {
        Text::of(text.to_owned())
    }

    fn said(said: &str) -> Delta {
        Delta {
            text: Some(text(said)),
            ..Delta::default()
        }
    }

    /// A piece of this call, with a name and an id where it begins.
    fn call(index: u32, name: &str, arguments: &str) -> Delta {
        let some = |it: &str| (!it.is_empty()).then(|| text(it));
        let call = ToolDelta {
            index,
            id: some(name),
            name: some(name),
            arguments: some(arguments),
        };
        Delta {
            tool_calls: vec![call],
            ..Delta::default()
        }
    }

    fn finish() -> Delta {
        Delta {
            finish: Some(Finish::new("stop", Stop::Stop)),
            ..Delta::default()
        }
    }

    /// All that is said, in words: a call with its name in front.
    fn words(pieces: Vec<Piece>) -> Vec<String> {
        let word = |piece| match piece {
            Piece::Text(text) => format!("'{text}'"),
            Piece::Call { id, name } => {
                assert_eq!(id, name);
                name
            }
            Piece::Arguments(arguments) => arguments.to_string(),
        };
        pieces.into_iter().map(word).collect()
    }

    /// Each delta, and what is said at once.
    fn check(steps: &[(Delta, &[&str])]) -> InOrder {
        let mut order = InOrder::default();
        for (at, (delta, expected)) in steps.iter().enumerate() {
            assert_eq!(words(order.add(delta)), *expected, "step {at}");
        }
        order
    }

    #[test]
    fn what_comes_in_order_is_said_at_once() {
        let order = check(&[
            (said("a"), &["'a'"]),
            (call(0, "f", ""), &["f"]),
            (call(0, "", "{\"x\":\"}"), &["{\"x\":\"}"]),
            (call(0, "", "\\\"\"}"), &["\\\"\"}"]),
            (call(0, "", " "), &[" "]),
            (call(1, "g", "{}"), &["g", "{}"]),
            (said("b"), &["'b'"]),
            (call(2, "h", "[{}]"), &["h", "[{}]"]),
            (finish(), &[]),
        ]);
        assert!(!order.is_torn() && order.kept == 0);
    }

    #[test]
    fn what_comes_mixed_waits_for_the_end_of_the_call_before_it() {
        let order = check(&[
            (call(0, "f", "{\"x\""), &["f", "{\"x\""]),
            (call(1, "g", "{"), &[]),
            (said("a"), &[]),
            (said("b"), &[]),
            (call(2, "h", "{}"), &[]),
            (call(0, "", ":1"), &[":1"]),
            (call(1, "", "}"), &[]),
            (call(0, "", "}"), &["}", "g", "{}", "'ab'", "h", "{}"]),
            (call(3, "i", "{"), &["i", "{"]),
            (call(4, "j", ""), &[]),
            (finish(), &["j"]),
        ]);
        assert!(!order.is_torn() && order.kept == 0);
    }

    #[test]
    fn a_call_does_not_begin_without_its_name() {
        check(&[
            (call(0, "", "{}"), &[]),
            (said("a"), &[]),
            (call(0, "f", ""), &["f", "{}", "'a'"]),
        ]);
    }

    #[test]
    fn a_call_that_has_ended_does_not_go_on() {
        let order = check(&[
            (call(0, "f", "{}"), &["f", "{}"]),
            (said("a"), &["'a'"]),
            (call(0, "", "\n"), &[]),
        ]);
        assert!(!order.is_torn());
        let order = check(&[
            (call(0, "f", "{}"), &["f", "{}"]),
            (said("a"), &["'a'"]),
            (call(0, "", "{}"), &[]),
        ]);
        assert!(order.is_torn());
    }

    #[test]
    fn only_so_much_can_wait() {
        let mut order = InOrder::default();
        order.add(&call(0, "f", "{"));
        let long = "x".repeat(InOrder::MOST / 2);
        order.add(&said(&long));
        assert!(!order.is_torn());
        order.add(&call(1, "g", &long));
        assert!(order.is_torn());
    }
}
