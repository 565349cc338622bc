use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value, value::RawValue};
use std::{
    error, fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What is to be done, as it is written in the queue.
///
/// It is JSON, with the names that programs which push to a queue of this name by themselves use,
/// so that theirs are read too:
///
/// ```
/// use buttress_queue::Task;
///
/// let pushed = r#"{"session_id": "s-1", "messages": [{"role": "user", "content": "Hi"}],
///                  "task_context": {"agent": "planner"}, "queued_at": 1764150000.25}"#;
/// let task = Task::parse(pushed.as_bytes())?;
/// assert_eq!(task.session_id.as_deref(), Some("s-1"));
/// assert_eq!(task.task_context["agent"], "planner");
/// # Ok::<(), buttress_queue::InvalidTask>(())
/// ```
///
/// No key of a provider's is in it, nor any header that could hold one: whoever replays it has its
/// own.
#[derive(Clone, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Task {
    /// The session that it belongs to.
    #[serde(default, deserialize_with = "name")]
    pub session_id: Option<String>,
    /// The request: whole, as an object, or only its messages, as an array.
    pub messages: Box<RawValue>,
    /// What whoever replays it has to know besides.
    #[serde(default, deserialize_with = "or_default")]
    pub task_context: Map<String, Value>,
    /// When it was queued. Written in seconds since 1970; read also in milliseconds, and as a date
    /// of RFC 3339.
    #[serde(
        default = "SystemTime::now",
        serialize_with = "to_seconds",
        deserialize_with = "from_any"
    )]
    pub queued_at: SystemTime,
    /// By which the same task is known when it comes twice.
    #[serde(
        default,
        deserialize_with = "name",
        skip_serializing_if = "Option::is_none"
    )]
    pub idempotency_key: Option<String>,
    /// The [lane](crate::Entry::lane) that it stands in: what it needs to be done, such as a model.
    #[serde(
        default,
        deserialize_with = "name",
        skip_serializing_if = "Option::is_none"
    )]
    pub lane: Option<String>,
    /// How many calls have been made for it.
    #[serde(default, deserialize_with = "or_default")]
    pub attempts: u32,
    /// What was done for it, one line a step. Nothing of its content is in it.
    #[serde(default, deserialize_with = "or_default")]
    pub journey: Vec<String>,
}

impl Task {
    /// This request, queued now.
    #[must_use]
    pub fn new(messages: Box<RawValue>) -> Self {
        Self {
            session_id: None,
            messages,
            task_context: Map::new(),
            queued_at: SystemTime::now(),
            idempotency_key: None,
            lane: None,
            attempts: 0,
            journey: Vec::new(),
        }
    }

    /// Reads a task.
    ///
    /// # Errors
    /// It is no JSON object, or has no `messages`, or a field says something that it can't.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidTask> {
        serde_json::from_slice(json).map_err(|error| InvalidTask {
            line: error.line(),
            column: error.column(),
        })
    }

    /// Writes it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("no key of a map in it is anything but a string")
    }
}

/// Without what is asked.
impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("queued_at", &self.queued_at)
            .field("bytes", &self.messages.get().len())
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// This is no task. Nothing of it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidTask {
    /// In which line the fault was found.
    pub line: usize,
    /// And in which column of it.
    pub column: usize,
}

impl fmt::Display for InvalidTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a task is a JSON object with `messages`, and `session_id`, `task_context` and \
             `queued_at` if it has them: not understood at line {} column {}",
            self.line, self.column
        )
    }
}

impl error::Error for InvalidTask {}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Number(f64),
    Text(String),
    Nothing(()),
}

/// A number is a name too: many sessions are numbered.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(name) => Some(name).filter(|name| !name.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => return Err(D::Error::custom("no name")),
    })
}

fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn to_seconds<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    serializer.serialize_f64(since.as_secs_f64())
}

/// A time that says nothing is now: what counts is that nothing is lost.
fn from_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    /// In seconds it is in the year 5138, in milliseconds in 1973.
    const MILLIS: f64 = 1e11;
    let seconds = |seconds: f64| {
        let seconds = match seconds {
            MILLIS.. => seconds / 1e3,
            _ => seconds,
        };
        let span = Duration::try_from_secs_f64(seconds).ok()?;
        UNIX_EPOCH.checked_add(span)
    };
    let time = match Scalar::deserialize(deserializer)? {
        Scalar::Number(number) => seconds(number),
        Scalar::Text(text) => match text.parse::<jiff::Timestamp>() {
            Ok(date) => Some(crate::entry::time(date.as_millisecond())),
            Err(_) => text.parse().ok().and_then(seconds),
        },
        Scalar::Nothing(()) => None,
    };
    Ok(time.unwrap_or_else(SystemTime::now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued_at(value: &str) -> SystemTime {
        let json = format!(r#"{{"messages": [], "queued_at": {value}}}"#);
        Task::parse(json.as_bytes()).unwrap().queued_at
    }

    #[test]
    fn a_time_is_read_in_every_form_that_is_pushed() {
        let at = UNIX_EPOCH + Duration::from_secs(1_764_150_000);
        for form in [
            "1764150000",
            "1764150000.0",
            "1764150000000",
            r#""1764150000""#,
            r#""2025-11-26T09:40:00Z""#,
            r#""2025-11-26T10:40:00+01:00""#,
        ] {
            assert_eq!(queued_at(form), at, "{form}");
        }
        let before = SystemTime::now();
        for nothing in ["null", "-1", "1e300", r#""yesterday""#, r#""""#] {
            assert!(queued_at(nothing) >= before, "{nothing}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let messages = RawValue::from_string(r#"{"model": "m", "messages": [1.0]}"#.to_owned());
        let mut task = Task::new(messages.unwrap());
        // A fraction may be read a little off in its last place.
        task.queued_at = UNIX_EPOCH + Duration::from_secs(1_764_150_000);
        task.session_id = Some("s".to_owned());
        task.task_context.insert("a".to_owned(), Value::from(1));
        task.attempts = 3;
        task.journey.push("called".to_owned());
        let read = Task::parse(&task.to_json()).unwrap();
        assert_eq!(read.messages.get(), task.messages.get());
        assert_eq!(read.to_json(), task.to_json());
    }

    #[test]
    fn a_number_names_a_session_and_null_is_nothing() {
        let task = br#"{"session_id": 7, "messages": [], "task_context": null, "attempts": null}"#;
        let task = Task::parse(task).unwrap();
        assert_eq!(task.session_id.as_deref(), Some("7"));
        assert!(task.task_context.is_empty());
        for no in [
            "",
            "[]",
            "{}",
            r#"{"messages": [}"#,
            r#"{"messages": [], "session_id": []}"#,
        ] {
            assert!(Task::parse(no.as_bytes()).is_err(), "{no}");
        }
        let secret = Task::parse(br#"{"messages": [], "session_id": ["secret"]}"#).unwrap_err();
        assert!(!format!("{secret} {secret:?}").contains("secret"));
    }
}
