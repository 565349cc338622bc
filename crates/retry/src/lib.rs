//! Jittered, budgeted retry for any Tower service
