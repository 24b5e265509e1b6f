//! Groups of an organization, which also carry out roles.
