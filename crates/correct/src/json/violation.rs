use jsonschema::ValidationError;
use std::fmt;

/// One way in which a value does not follow its schema.
///
/// It says where and what, by the schema: values are not quoted. Names of properties can be,
/// which may come from the answer, so `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Where, as a JSON pointer; empty for the whole value.
    pub pointer: String,
    /// What is wrong there.
    pub problem: String,
}

impl Violation {
    /// The most of a value's violations that are listed.
    pub const MOST: usize = 10;
    /// The most bytes of a pointer, and of a problem.
    const LONGEST: usize = 300;

    /// This is wrong there. What is longer than is good for a list is cut.
    #[must_use]
    pub fn new(pointer: impl Into<String>, problem: impl Into<String>) -> Self {
        let mut violation = Self {
            pointer: pointer.into(),
            problem: problem.into(),
        };
        cut(&mut violation.pointer);
        cut(&mut violation.problem);
        violation
    }

    pub(super) fn of(error: &ValidationError<'_>) -> Self {
        use fmt::Write as _;
        let mut problem = Bounded(String::new());
        // It ends early, when that is enough.
        let _ = write!(problem, "{}", error.masked());
        Self::new(error.instance_path().as_str(), problem.0)
    }
}

/// A text that takes no more than will be shown: an enum of a thousand values is spelt out.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        self.0.push_str(more);
        match self.0.len() > Violation::LONGEST {
            true => Err(fmt::Error),
            false => Ok(()),
        }
    }
}

fn cut(text: &mut String) {
    if text.len() > Violation::LONGEST {
        text.truncate(text.floor_char_boundary(Violation::LONGEST));
        text.push('…');
    }
}

/// `/age: value is not of type "integer"`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.pointer {
            "" => f.write_str(&self.problem),
            pointer => write!(f, "{pointer}: {}", self.problem),
        }
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Violation").finish_non_exhaustive()
    }
}
