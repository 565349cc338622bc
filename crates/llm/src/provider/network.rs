//! What stands between here and a provider, and speaks up in its stead.

use super::Profile;

pub(super) const GRPC: Profile = Profile::source("grpc");

pub(super) const CLOUDFLARE: Profile = Profile::source("cloudflare");

pub(super) const PROXY: Profile = Profile::source("proxy");

pub(super) const TRANSPORT: Profile = Profile::source("transport");
