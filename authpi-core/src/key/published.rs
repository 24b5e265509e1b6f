//! Published key sets.

/// Published keys.
#[derive(Default)]
pub struct KeyCache {}
