//! Journeys, in any of the forms in which they are recorded: a line of the log, as text or as JSON;
//! what the live page knows of a call; or the steps by themselves.

use serde_json::Value;
use std::{
    io::{self, BufRead, BufReader, Chain, Cursor, Read},
    mem, vec,
};

/// What was done for one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Journey {
    /// What else is known of the call: name and value.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) steps: Vec<Step>,
    /// How many more there were than are written down.
    pub(super) more: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// When, as it is written.
    pub(super) at: String,
    pub(super) route: Option<String>,
    pub(super) what: String,
}

/// What is told of a call beside its steps.
const FACTS: [&str; 9] = [
    "request_id",
    "id",
    "model",
    "route",
    "status",
    "kind",
    "attempts",
    "waited_ms",
    "duration_ms",
];

/// The most that is held in memory: what is one document has to fit into it, and so has a line. As
/// much as is read of what a gateway says of itself.
const MOST: usize = 16 << 20;

/// The journeys in what is read, one after the other: a log may be of any length, and the newest
/// are at its end.
pub(super) struct Journeys<R> {
    input: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    found: vec::IntoIter<Journey>,
    /// Of lines that are steps and nothing else.
    by_themselves: Journey,
    /// How many bytes of such lines still fit.
    room: usize,
    left_out: u64,
}

impl<R: Read> Journeys<R> {
    /// The journeys in this.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut head = Vec::new();
        input.by_ref().take(MOST as u64).read_to_end(&mut head)?;
        let whole = match head.len() < MOST {
            true => serde_json::from_str(&String::from_utf8_lossy(&head)).ok(),
            false => None,
        };
        let found = whole.as_ref().map(of_json);
        if found.is_some() {
            head.clear();
        }
        Ok(Self {
            input: BufReader::new(Cursor::new(head).chain(input)),
            found: found.unwrap_or_default().into_iter(),
            by_themselves: Journey::default(),
            room: MOST,
            left_out: 0,
        })
    }

    /// How many lines were longer than what is held.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            let mut line = Vec::new();
            let mut input = self.input.by_ref().take(MOST as u64);
            if input.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            let whole = line.ends_with(b"\n") || line.len() < MOST;
            if whole || self.input.skip_until(b'\n')? == 0 {
                // What broke in one line is not to hide the others.
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            self.left_out += 1;
        }
    }

    fn read(&mut self, line: &str) -> Vec<Journey> {
        if let Ok(value) = serde_json::from_str(line) {
            return of_json(&value);
        }
        if let Some(journey) = of_log(line) {
            return vec![journey];
        }
        let steps = of_line(line);
        self.by_themselves.more += steps.more;
        if !steps.steps.is_empty() {
            match self.room.checked_sub(line.len()) {
                Some(left) => {
                    self.room = left;
                    self.by_themselves.steps.extend(steps.steps);
                }
                None => self.by_themselves.more += steps.steps.len() as u64,
            }
        }
        Vec::new()
    }
}

impl<R: Read> Iterator for Journeys<R> {
    type Item = io::Result<Journey>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(journey) = self.found.next() {
                return Some(Ok(journey));
            }
            match self.line() {
                Ok(Some(line)) => self.found = self.read(line.trim_end()).into_iter(),
                Ok(None) => {
                    let last = mem::take(&mut self.by_themselves);
                    return (!last.steps.is_empty()).then_some(Ok(last));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn of_json(value: &Value) -> Vec<Journey> {
    let many = value.as_array().or_else(|| value["journeys"].as_array());
    if let Some(many) = many {
        return many.iter().flat_map(of_json).collect();
    }
    let fields = match &value["fields"] {
        Value::Object(_) => &value["fields"],
        _ => value,
    };
    let journey = match (&fields["journey"], &fields["steps"]) {
        (Value::String(journey), _) => of_line(journey),
        (_, Value::Array(steps)) => Journey {
            steps: steps.iter().filter_map(shown).collect(),
            more: fields["more_steps"].as_u64().unwrap_or_default(),
            ..Journey::default()
        },
        _ => Journey::default(),
    };
    if journey.steps.is_empty() {
        return Vec::new();
    }
    let fact = |name: &'static str| {
        let fact = match &fields[name] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((name, fact))
    };
    let facts = FACTS.into_iter().filter_map(fact).collect();
    vec![Journey { facts, ..journey }]
}

/// A step as the live page has it.
fn shown(step: &Value) -> Option<Step> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a call")]
    let at = step["at_ms"].as_u64().map(|at| at as f64 / 1e3);
    Some(Step {
        at: at.map_or_else(String::new, |at| format!("{at:.3}s")),
        route: step["route"].as_str().map(str::to_owned),
        what: step["what"].as_str()?.to_owned(),
    })
}

/// A line of the log as text.
fn of_log(line: &str) -> Option<Journey> {
    let (before, journey) = line.split_once("journey=\"")?;
    let journey = of_line(&journey[..journey.rfind('"')?].replace("\\\"", "\""));
    let fact = |name: &'static str| {
        let value = before.split_once(&format!(" {name}="))?.1;
        let value = match value.strip_prefix('"') {
            Some(value) => value.split('"').next(),
            None => value.split(' ').next(),
        };
        Some((name, value?.to_owned()))
    };
    let facts = FACTS.into_iter().filter_map(fact).collect();
    (!journey.steps.is_empty()).then_some(Journey { facts, ..journey })
}

/// The steps on one line.
fn of_line(journey: &str) -> Journey {
    let parts = journey.split("; ");
    Journey {
        facts: Vec::new(),
        steps: parts.clone().filter_map(step).collect(),
        more: parts.filter_map(more).sum(),
    }
}

/// `and 7 more`, with an ellipsis before it where each step has a line.
fn more(text: &str) -> Option<u64> {
    let text = text.trim().trim_start_matches("… ");
    let number = text.strip_prefix("and ")?.strip_suffix(" more")?;
    number.parse().ok()
}

/// `0.123s route: what`.
fn step(text: &str) -> Option<Step> {
    let (at, rest) = text.trim().split_once("s ")?;
    at.parse::<f64>().ok()?;
    // A route may have a colon in its name; what was done never begins with one.
    let known = |what: &str| super::words::meaning(what).is_some();
    let mut places = rest.match_indices(": ").map(|(at, _)| at);
    let route = match known(rest) {
        true => None,
        false => places.find(|&at| known(&rest[at + 2..])),
    };
    let (route, what) = match route {
        Some(at) => (Some(rest[..at].to_owned()), &rest[at + 2..]),
        None => (None, rest),
    };
    Some(Step {
        at: format!("{at}s"),
        route,
        what: what.to_owned(),
    })
}

/// All that there are in this text.
#[cfg(test)]
pub(super) fn journeys(text: impl AsRef<[u8]>) -> Vec<Journey> {
    let journeys = Journeys::new(text.as_ref()).unwrap();
    journeys.collect::<io::Result<_>>().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress::{Call, Context as _, Failure, GiveUp, core::Event};
    use std::time::Duration;

    #[test]
    fn what_is_written_down_is_read_again() {
        let call = Call::new();
        let route = call.for_route("openai/gpt: mini".into(), None);
        for event in [
            Event::Entered,
            Event::Attempt,
            Event::Failed(Failure::SERVICE),
            Event::Retry {
                wait: Duration::from_millis(40),
            },
            Event::GaveUp(GiveUp::BudgetEmpty),
            Event::Note("carrying on a stream that broke"),
        ] {
            route.record(event);
        }
        let written = call.journey().to_string();
        let read = journeys(&written);
        assert_eq!(read.len(), 1, "{written}");
        assert_eq!(read[0].steps.len(), 6);
        for (step, event) in read[0].steps.iter().zip(call.journey().steps()).take(5) {
            assert_eq!(step.route.as_deref(), Some("openai/gpt: mini"), "{written}");
            assert_eq!(step.what, event.event.to_string());
        }
    }

    #[test]
    fn how_many_steps_are_left_out_is_known() {
        let call = Call::new();
        for _ in 0..buttress::Journey::MAX_STEPS + 5 {
            call.record(Event::Attempt);
        }
        let by_lines = call.journey().to_string();
        for text in [
            &by_lines,
            "0.001s a: called; and 5 more",
            "INFO given up model=\"m\" journey=\"0.001s a: called; and 5 more\" kept_back=2",
            r#"{"fields": {"journey": "0.001s a: called; and 5 more"}}"#,
            r#"{"steps": [{"at_ms": 1, "what": "called"}], "more_steps": 5}"#,
        ] {
            let read = journeys(text);
            assert_eq!((read.len(), read[0].more), (1, 5), "{text}");
        }
    }

    #[test]
    fn a_log_is_read_to_its_end_however_long_and_broken_it_is() {
        // Which is no UTF-8.
        let one = b"INFO answered model=\"m\xff\" journey=\"0.001s a: called\"\n";
        let mut log = one.to_vec();
        // The cut is within a character.
        log.resize(MOST - 1, b'x');
        log.extend("é\n".as_bytes());
        log.extend(one);
        let read = journeys(&log);
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].facts, [("model", "m\u{fffd}".to_owned())]);
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_not_held() {
        let one = "0.001s a: called\n";
        let long = io::repeat(b'x').take(3 * MOST as u64);
        let log = long.chain(&b"\n"[..]).chain(one.as_bytes());
        let mut read = Journeys::new(log).unwrap();
        assert_eq!(read.by_ref().map(Result::unwrap).count(), 1);
        assert_eq!(read.left_out(), 1);

        let full = io::repeat(b'x').take(MOST as u64);
        assert_eq!(Journeys::new(full).unwrap().count(), 0);
    }

    #[test]
    fn steps_by_themselves_are_held_up_to_a_bound() {
        let line = format!("0.001s a: {}\n", "x".repeat(MOST / 4));
        let read = journeys(line.repeat(6));
        assert_eq!((read.len(), read[0].steps.len(), read[0].more), (1, 3, 3));
    }

    #[test]
    fn each_form_is_known() {
        let one = "0.001s a: called; 0.020s a: failed, overloaded: transient, blames the service";
        for text in [
            one.to_owned(),
            one.replace("; ", "\n"),
            format!(
                "2026-11-26T12:00:00Z  WARN buttress: given up request_id=\"r\" model=\"m\" journey=\"{one}\""
            ),
            format!(
                "{{\"level\":\"WARN\",\"fields\":{{\"model\":\"m\",\"journey\":\"{one}\"}}}}\n{{\"fields\":{{}}}}"
            ),
            r#"{"journeys": [{"id": "i", "steps": [{"at_ms": 1, "route": "a", "what": "called"},
                {"at_ms": 20, "route": "a", "what": "failed, overloaded: transient"}]}]}"#
                .to_owned(),
        ] {
            let read = journeys(&text);
            assert_eq!(read.len(), 1, "{text}");
            assert_eq!(read[0].steps.len(), 2, "{text}");
            assert_eq!(read[0].steps[0].route.as_deref(), Some("a"), "{text}");
            assert_eq!(read[0].steps[0].what, "called", "{text}");
        }
        for text in [
            "",
            "nothing",
            "{}",
            "[1, {}]",
            "journey=\"",
            "s s s",
            "\u{0}",
        ] {
            assert_eq!(journeys(text), [], "{text}");
        }
    }
}
