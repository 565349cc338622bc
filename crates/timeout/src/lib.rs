//! Deadlines and timeouts by phase for any Tower service
