use super::{
    Config, Diagnostic,
    documented::documented,
    fields::Fields,
    notes::Notes,
    value::{flag, integer, one_of, or_off, text},
};

documented! {
    /// `[correct]`: what is done about answers that are not what was asked for.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Correct {
        /// How many corrections one request may ask for; `None` is that no answer is looked at.
        pub max: Option<u32>,
        /// Whether answers are repaired where it needs no model.
        pub repair: bool,
        /// Whether a stream is held until its answer is known to be right, or passed on as it
        /// comes.
        pub stream: Checked,
        /// Which calls of tools are checked: none, those of whole answers, or those of streams as
        /// well.
        pub tools: Calls,
        /// The model that is asked last, once; `None` is none.
        pub stronger: Option<String>,
    }
}

/// What becomes of a stream whose answer is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checked {
    /// It is kept back until its end.
    Hold,
    /// It is passed on as it comes, and can't be corrected.
    Pass,
}

/// Which calls of tools are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Calls {
    /// None.
    Never,
    /// Those of whole answers.
    Whole,
    /// Those of streams as well.
    Always,
}

impl Default for Correct {
    fn default() -> Self {
        Self {
            max: Some(2),
            repair: true,
            stream: Checked::Hold,
            tools: Calls::Never,
            stronger: None,
        }
    }
}

impl Correct {
    pub(super) fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        fields.set("max", &mut self.max, or_off(integer(0..=10)));
        fields.set("repair", &mut self.repair, flag());
        let streams = one_of(&[("hold", Checked::Hold), ("pass", Checked::Pass)]);
        fields.set("stream", &mut self.stream, streams);
        let calls = one_of(&[
            ("never", Calls::Never),
            ("whole", Calls::Whole),
            ("always", Calls::Always),
        ]);
        fields.set("tools", &mut self.tools, calls);
        fields.set("stronger", &mut self.stronger, or_off(text()));
    }
}

/// Each correction is an upstream call, and the stronger model comes after one at least.
pub(super) fn doubts(config: &Config, notes: &mut Notes) {
    let (correct, most) = (&config.correct, config.limits.max_calls);
    let path = "correct.max";
    if let Some(place) = notes.place(path)
        && correct.max.is_some_and(|max| max >= most)
    {
        let message =
            format!("a request has no more than {most} upstream calls, the first one included");
        let found = Diagnostic::warning(path, message);
        notes.push(
            found
                .help("lower it, or raise `limits.max_calls`")
                .at(Some(place)),
        );
    }
    let path = "correct.stronger";
    if let Some(place) = notes.place(path)
        && correct.stronger.is_some()
        && correct.max.is_none_or(|max| max == 0)
    {
        let message = "does nothing without corrections, behind which it comes";
        let found = Diagnostic::warning(path, message);
        notes.push(found.help("raise `correct.max`").at(Some(place)));
    }
}
