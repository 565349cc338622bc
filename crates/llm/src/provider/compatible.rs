//! Anything that speaks OpenAI's dialect.

use super::Profile;

pub(super) const COMPATIBLE: Profile = Profile::compatible("compatible");
