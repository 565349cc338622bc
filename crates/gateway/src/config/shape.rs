use super::{
    documented::documented,
    fields::Fields,
    settings::{Contradiction, Settings},
    value::{integer, or_off, percent, text},
};

documented! {
    /// `[shape]`: what is done with a request that can't work as it is. `None` is nothing.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Shape {
        /// When the context is too long, the oldest turns are left out, down to this many per cent
        /// of the request.
        pub trim: Option<u32>,
        /// When an answer does not come in time, half as many tokens are asked for, and this many
        /// at most.
        pub fewer_tokens: Option<u64>,
        /// When an answer does not come in time, this model is asked.
        pub smaller_model: Option<String>,
    }
}

impl Settings for Shape {
    const TABLE: &'static str = "shape";

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        fields.set("trim", &mut self.trim, or_off(percent()));
        let tokens = integer(512..=1_000_000_000);
        fields.set("fewer_tokens", &mut self.fewer_tokens, or_off(tokens));
        fields.set("smaller_model", &mut self.smaller_model, or_off(text()));
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        Vec::new()
    }
}
