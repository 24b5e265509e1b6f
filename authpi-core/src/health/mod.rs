//! Health of the process and of what it depends on (conventions §15).

pub mod api;
